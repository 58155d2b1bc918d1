"""Reads labels of any kind as arrays. Needs SciPy, scikit-image and what pictures and volumes need; no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.label_values import as_one_class
from monai_lwmisn.light.archives import list_files
from monai_lwmisn.light.picture_files import read_picture_file
from monai_lwmisn.light.pictures import LABEL_SUFFIXES, MASK_SUFFIXES
from monai_lwmisn.light.volumes import VOLUME_SUFFIXES, read_volume

MOST_COLOURS = 8
"""Colours that a message lists."""

__all__ = ["colours_of", "grey_colour", "read_label"]


def read_label(
    paths: Sequence[str],
    classes: Collection[int] = (),
    instances: bool = False,
    colours: Mapping[str, int] | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read one label: a volume, a picture, a list of pictures with one slice each, or a folder of objects.

    A folder, on disk or in a zip, holds pictures with the mask of one object each.

    The value of a pixel is its grey value, or its index in a palette whose first colour is black. Colours have no
    values: black is the background, and all others are the one class, or what ``colours`` says.

    Args:
        paths: one path, or those of the slices in their order.
        classes: the values of the classes. Of a single class, every value of pictures but 0 is made 1, see
            :func:`~monai_lwmisn.inference.label_values.as_one_class`; otherwise values stay. Volumes and objects are
            not affected: values of volumes stay, and objects are of the class 1.
        instances: number the objects 1, 2, ... instead. Those of a folder are numbered in file-name order, and where
            they overlap, the first keeps the pixel. A picture with one value besides 0 is a mask, of which the
            connected regions are numbered; otherwise each value or colour is an object.
        colours: the class of each colour, as ``{"#ff0000": 1}``; others are refused, but for black. Grey values that
            are no classes are colours too, see :func:`grey_colour`.

    Returns:
        The label (x, y) or (x, y, z), and the affine of a volume (see :func:`read_volume`); pictures have none.

    Raises:
        DataError: a file cannot be read or is no label, it is not clear what its colours mean, a folder has no masks,
            or pictures differ in size, or their values are not one class.
    """
    if len(paths) == 1 and paths[0].lower().endswith(VOLUME_SUFFIXES):
        return read_volume(paths[0])
    if len(paths) == 1 and not paths[0].lower().endswith(LABEL_SUFFIXES):
        return _read_objects(paths[0], instances).T, None
    masks = [_read_mask(path, classes, instances, colours) for path in paths]
    _check_sizes(paths, masks)
    if instances and len(masks) == 1:
        return _number_regions(masks[0]).T, None
    label = masks[0].T if len(masks) == 1 else np.stack([mask.T for mask in masks], axis=-1)
    if len(classes) == 1 and not instances:
        label = as_one_class(label, paths[0] if len(paths) == 1 else paths[0].rpartition("/")[0])
    return label, None


def colours_of(picture: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The colours of a picture (height, width, 3), as in web pages: ``#ff0000`` is red.

    Returns:
        Their names, black first; the number of the colour of each pixel (height, width); and the pixels of each colour.
    """
    codes = picture.astype(np.int64) @ np.array([2**32, 2**16, 1])
    found, numbers, counts = np.unique(codes, return_inverse=True, return_counts=True)
    names = [f"#{code >> 32:02x}{code >> 16 & 0xFFFF:02x}{code & 0xFFFF:02x}" for code in found.tolist()]
    return names, numbers.reshape(codes.shape), counts


def grey_colour(value: float) -> str:
    """The colour of a grey value, as in web pages: ``#808080`` is 128."""
    return "#" + 3 * f"{int(value):02x}"


def _read_objects(folder: str, instances: bool) -> np.ndarray:
    files = [file for file in list_files(folder) if file.lower().endswith(MASK_SUFFIXES)]
    if not files:
        raise DataError(f"The folder {folder} has no mask files; add the masks of its image or remove the image.")
    masks = [_read_mask(file, (1,)) != 0 for file in files]
    _check_sizes(files, masks)
    if not instances:
        return np.logical_or.reduce(masks).astype(np.uint8)
    label = np.zeros(masks[0].shape, dtype=np.int32)
    for number, mask in enumerate(masks, start=1):
        label[mask & (label == 0)] = number
    return label


def _read_mask(
    path: str, classes: Collection[int], instances: bool = False, colours: Mapping[str, int] | None = None
) -> np.ndarray:
    """The mask (height, width) in a picture."""
    picture = read_picture_file(path, "label")
    if picture.lossy:
        raise DataError(f"The label {path} is a JPEG or the like, which does not keep values: save it as PNG.")
    if picture.inverted:
        raise DataError(f"The label {path} is stored with white as 0, so that its values are unclear: save it as PNG.")
    if picture.alpha is not None:
        raise DataError(f"The label {path} has transparent parts: save it without transparency.")
    values, palette = picture.values, picture.palette
    grey = values.shape[2] == 1 or (colours is None and bool((values == values[..., :1]).all()))
    if palette is None and grey:
        mask = values[..., 0]
        mask = mask.astype(np.uint8) if mask.dtype == bool else mask
        if colours is None or np.isin(mask, [0, *classes]).all():
            return mask
        values = np.repeat(mask[..., None], 3, axis=2)
    if palette is not None:
        if values.max() >= len(palette):
            raise DataError(f"The label {path} has no colour for the value {values.max()}: save it as grey PNG.")
        if colours is None:
            found = _of_palette(values[..., 0], palette, classes)
            if found is not None:
                return found
        values = palette[values[..., 0]]
    return _of_colours(path, values, len(classes) == 1, instances, colours)


def _of_palette(indices: np.ndarray, palette: np.ndarray, classes: Collection[int]) -> np.ndarray | None:
    """The values of a picture with a palette: indices or grey values, whichever can be meant; None for neither."""
    used = np.unique(indices)
    black, grey = palette.max(axis=1) == 0, np.ptp(palette, axis=1) == 0
    readings = []
    if black[0] and not black[used[used > 0]].any():  # an index that looks like the background is no class
        readings.append(indices)
    # Some programs give palettes to grey pictures, in the order of appearance.
    if grey[used].all():
        readings.append(palette[indices, 0])
    if len(readings) == 2 and not np.array_equal(readings[0], readings[1]):
        if len(classes) == 1 and np.array_equal(readings[0] != 0, readings[1] != 0):
            return readings[0]
        readings = [values for values in readings if {0, *classes}.issuperset(np.unique(values).tolist())]
    return readings[0] if readings and all(np.array_equal(readings[0], other) for other in readings) else None


def _of_colours(
    path: str, picture: np.ndarray, single_class: bool, instances: bool, colours: Mapping[str, int] | None
) -> np.ndarray:
    names, numbers, counts = colours_of(picture)
    listed = ", ".join(
        f"{names[index]} ({100 * counts[index] / counts.sum():.3g} %)" for index in np.argsort(-counts)[:MOST_COLOURS]
    )
    listed += ", ..." if len(names) > MOST_COLOURS else ""
    if colours is not None and not instances:
        meant = {"#000000": 0, **{name.lower(): value for name, value in colours.items()}}
        unknown = [name for name in names if name not in meant]
        if unknown:
            raise DataError(
                f"The label {path} has the colour {unknown[0]}, for which data.label_colours has no class (its "
                f"colours: {listed}): add it there, or correct the label."
            )
        return np.array([meant[name] for name in names], np.uint8)[numbers]
    if "#000000" not in names or not (single_class or instances):
        raise DataError(
            f"The label {path} has the colours {listed}, and it is not clear which class each is: name them, as in "
            "--set 'data.label_colours={\"#ff0000\": 1}', or save it as grey PNG with the numbers of the classes."
        )
    return numbers.astype(np.int32)  # black is the first


def _check_sizes(paths: Sequence[str], masks: Sequence[np.ndarray]) -> None:
    for path, mask in zip(paths, masks, strict=True):
        if mask.shape != masks[0].shape:
            raise DataError(f"The mask {path} differs in size from the masks beside it; replace it.")


def _number_regions(label: np.ndarray) -> np.ndarray:
    if len(np.unique(label[label != 0])) > 1:
        return label
    from scipy.ndimage import label as connected_regions

    return connected_regions(label != 0)[0]
