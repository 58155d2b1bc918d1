"""Opens a picture to be read region by region: OME-TIFF, BigTIFF, tiled TIFF and OME-Zarr. Others are read whole.

Needs zarr; tifffile for TIFF.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError, InputWarning, reason_of
from ..folders import is_zarr
from ..libraries import library
from ..picture_files import TIFF_STARTS, check_whole, named_white, read_picture_file
from ..pictures import colours_of

LARGEST_WHOLE = 64 * 10**6
"""Pixels of a TIFF from which on it is taken region by region."""

MINISBLACK, RGB, YCBCR = 1, 2, 6
"""Photometric interpretations of a TIFF that are read by region."""

ORIENTATION = 274
COLOURS = (3, 4)

__all__ = ["Source", "is_large", "open_source"]


class Source:
    """A picture that is read region by region.

    Args:
        name: of the picture, for messages.
        values: an array of numpy or zarr.
        axes: the name of each axis of it: ``y``, ``x``, and ``c`` of channels.
        fixed: the index along each other axis.
        white: the value that the file says is white; None where it does not say.
        pixel: the size of a pixel (y, x) in micrometres; None where the file does not say.
        stack: closes the file.

    Attributes:
        shape: height and width.
        channels: 1, grey, or 3, colours.
    """

    def __init__(
        self,
        name: str,
        values: Any,
        axes: Sequence[str],
        fixed: Mapping[str, int] | None = None,
        white: float | None = None,
        pixel: tuple[float, float] | None = None,
        stack: ExitStack | None = None,
    ) -> None:
        self.name, self.white, self.pixel = name, white, pixel
        self._values, self._axes, self._fixed, self._stack = values, list(axes), dict(fixed or {}), stack or ExitStack()
        self.dtype = np.dtype(values.dtype)
        lengths = dict(zip(self._axes, values.shape, strict=True))
        self.shape = (int(lengths["y"]), int(lengths["x"]))
        self.channels = 1 if "c" in self._fixed else min(int(lengths.get("c", 1)), 3)

    def __getitem__(self, place: tuple[slice, ...]) -> np.ndarray:
        """Return the values of a region as stored: (height, width, 1) grey, (height, width, 3) colours.

        Raises:
            DataError: a part of the file is damaged.
        """
        chosen = {"y": place[0], "x": place[1], **self._fixed}
        try:
            found = np.asarray(self._values[tuple(chosen.get(axis, slice(0, self.channels)) for axis in self._axes)])
        except Exception as error:  # each decoder raises its own
            raise DataError(f"{self.name} cannot be read ({reason_of(error)}): download it again.") from error
        left = [axis for axis in self._axes if axis not in self._fixed]
        found = found if "c" in left else found[..., None]
        return found.transpose([left.index(axis) for axis in ("y", "x")] + [left.index("c") if "c" in left else 2])

    def close(self) -> None:
        """Close the file."""
        self._stack.close()


def is_large(path: str | os.PathLike[str]) -> bool:
    """Return whether a picture is taken region by region: a folder of zarr, or a TIFF of many pixels."""
    if is_zarr(path):
        return True
    if not _is_tiff(path):
        return False
    try:
        import tifffile

        with tifffile.TiffFile(path) as file:
            page: Any = file.pages.first
            return page.imagewidth * page.imagelength > LARGEST_WHOLE
    except Exception:  # the library raises whatever it meets; what reads the picture says what is wrong
        return False


def open_source(path: str | os.PathLike[str], plane: Mapping[str, int] | None = None) -> Source:
    """Open a picture.

    Args:
        path: a file, or a folder of OME-Zarr.
        plane: the number from 1 on along each axis of which one place is taken: ``c``, ``z``, ``t``.

    Raises:
        DataError: it is no readable picture, or has several channels, slices or moments of which none is chosen.
        ConfigError: a library is missing, or an axis is chosen that there is not.
    """
    name, chosen = str(path), dict(plane or {})
    with ExitStack() as stack:
        try:
            if is_zarr(path):
                values, axes, pixel = _open_zarr(Path(path))
                return Source(name, values, axes, _fixed(name, values, axes, chosen), None, pixel, stack.pop_all())
            source = _open_tiff(name, path, chosen, stack) if _is_tiff(path) else None
        except (DataError, ConfigError):
            raise
        except Exception as error:  # each library raises its own
            raise DataError(f"{name} cannot be read ({reason_of(error)}): download it again or remove it.") from error
        if source is not None:
            return source
    if chosen:
        raise ConfigError(f"{name} has no axis {', '.join(chosen)} to choose from: leave it out.")
    picture = read_picture_file(path)
    if picture.alpha is not None:
        _warn_of_alpha(name)
    values = colours_of(picture, name)
    values = values.astype(np.uint8) * np.uint8(255) if values.dtype == bool else values
    return Source(name, values, "yxc", white=picture.white)


def _is_tiff(path: str | os.PathLike[str]) -> bool:
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) in TIFF_STARTS


def _open_tiff(name: str, path: str | os.PathLike[str], chosen: Mapping[str, int], stack: ExitStack) -> Source | None:
    """A TIFF; None where its kind is read whole."""
    library("tifffile", name)
    import tifffile

    file: Any = stack.enter_context(tifffile.TiffFile(path))
    series = file.series[0]
    page = series.keyframe
    plain = page.photometric in (MINISBLACK, RGB, YCBCR) and page.bitspersample >= 8 and page.dtype.kind in "uif"
    if not plain or page.tags.valueof(ORIENTATION, 1) != 1:
        return None
    others = [one for one in file.series[1:] if not (file.is_svs or file.is_ndpi)]
    if others:
        raise DataError(f"{name} holds {len(file.series)} pictures: save the one that is meant as a file of its own.")
    for one in series.pages:
        if one is not None:
            check_whole(f"The image {name}", one, os.path.getsize(path))
    zarr = library("zarr", f"{name}, which is read by region,")
    axes = ["c" if axis in "SC" else axis.lower() for axis in series.axes]
    if axes.count("c") > 1 or len(set(axes)) < len(axes):
        raise DataError(f"{name} has channels that are in colour each: save the one that is meant.")
    if len(page.extrasamples) and page.extrasamples[0] in (1, 2):
        _warn_of_alpha(name)
    store = stack.enter_context(series.aszarr(level=0))
    values = zarr.open_array(store, mode="r")
    fixed = _fixed(name, values, axes, chosen)
    return Source(name, values, axes, fixed, named_white(page), _ome_pixel(file), stack.pop_all())


def _ome_pixel(file: Any) -> tuple[float, float] | None:
    """The size of a pixel (y, x) in micrometres, by the description of OME."""
    if not file.is_ome:
        return None
    from xml.etree import ElementTree

    for element in ElementTree.fromstring(file.ome_metadata).iter():
        if element.tag.endswith("}Pixels"):
            sizes = [element.get(f"PhysicalSize{axis}") for axis in "YX"]
            units = {element.get(f"PhysicalSize{axis}Unit", "µm") for axis in "YX"}
            return (float(sizes[0]), float(sizes[1])) if sizes[0] and sizes[1] and units == {"µm"} else None
    return None


def _open_zarr(path: Path) -> tuple[Any, list[str], tuple[float, float] | None]:
    zarr = library("zarr", str(path))
    group = zarr.open_group(path, mode="r")
    if "multiscales" not in _ome(group) and "bioformats2raw.layout" in {**group.attrs, **_ome(group)}:
        if "1" in group:
            raise DataError(f"{path} holds several pictures: give the folder of one, such as {path / '0'}.")
        group = group["0"]
    if "multiscales" not in _ome(group):
        raise DataError(f"{path} is no OME-Zarr picture (it has no multiscales): give the folder of one.")
    scales = _ome(group)["multiscales"][0]
    level = scales["datasets"][0]
    values = group[level["path"]]
    given = scales.get("axes") or "tczyx"[-values.ndim :]  # before 0.3 the axes have no names
    axes = [axis["name"] if isinstance(axis, dict) else axis for axis in given]
    units = [axis.get("unit") if isinstance(axis, dict) else None for axis in given]
    scale = next((one["scale"] for one in level.get("coordinateTransformations", ()) if one["type"] == "scale"), None)
    micrometres = [units[axes.index(axis)] == "micrometer" for axis in "yx" if axis in axes]
    size = [float(scale[axes.index(axis)]) for axis in "yx"] if scale and micrometres == [True, True] else None
    return values, axes, (size[0], size[1]) if size else None


def _ome(group: Any) -> Mapping[str, Any]:
    """The metadata of a group: of version 0.5 they are in a part of their own."""
    return group.attrs.get("ome", group.attrs.asdict())


def _fixed(name: str, values: Any, axes: Sequence[str], chosen: Mapping[str, int]) -> dict[str, int]:
    """The index along each axis of which one place is taken."""
    lengths = dict(zip(axes, values.shape, strict=True))
    if not {"y", "x"} <= set(lengths):
        raise DataError(f"{name} has the axes {', '.join(axes)}, and a picture has y and x: convert it.")
    fixed = {}
    for axis, number in chosen.items():
        if axis not in lengths or axis in "yx":
            raise ConfigError(f"{name} has no axis {axis} to choose from: it has {', '.join(axes)}.")
        if not 1 <= number <= lengths[axis]:
            raise ConfigError(f"{name} has the numbers 1 to {lengths[axis]} along its axis {axis}, not {number}.")
        fixed[axis] = number - 1
    for axis, length in lengths.items():
        if axis in "yx" or axis in fixed or (axis == "c" and length in COLOURS):
            continue
        if length > 1:
            raise DataError(
                f"{name} has {length} places along its axis {axis}, and a picture has one: choose it with "
                f"--plane {axis}=NUMBER, from 1 on."
            )
        fixed[axis] = 0
    return fixed


def _warn_of_alpha(name: str) -> None:
    warnings.warn(
        f"{name} has transparent parts: their own colour is taken, whatever a viewer shows there.",
        InputWarning,
        stacklevel=3,
    )
