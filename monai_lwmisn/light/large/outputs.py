"""Writes large label maps by region, with a pyramid: as tiled OME-TIFF, or as the labels of an OME-Zarr picture.

Needs zarr; tifffile for TIFF.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..libraries import library
from .windows import windows_of
from .work import Work

TILE = 512
SMALLEST_LEVEL = 1024
"""Pixels of the longer side from which on a level of a pyramid has none below it."""

LARGEST_CLASSIC = 2**31
"""Bytes of values above which a TIFF is a BigTIFF."""

SOFTWARE = "monai_lwmisn"

__all__ = ["is_own_large_mask", "pyramid_of", "write_ome_tiff", "write_ome_zarr"]


def pyramid_of(work: Work, name: str, dtype: str) -> list[Any]:
    """Return an array and smaller ones of it, of which each has every second row and column of the one before.

    Args:
        work: has the array.
        name: of the array.
        dtype: of its values.
    """
    levels = [work.array(name, dtype)]
    while max(levels[-1].shape) > SMALLEST_LEVEL:
        last = levels[-1]
        level = f"{name}_{len(levels)}"
        smaller = work.array(level, dtype, tuple(-(-length // 2) for length in last.shape))
        if not work.is_done("levels", level):
            for window in windows_of(smaller.shape, smaller.chunks[0], 0):
                smaller[window.core] = last[tuple(slice(2 * one.start, 2 * one.stop, 2) for one in window.core)]
            work.finish("levels", level)
        levels.append(smaller)
    return levels


def write_ome_tiff(path: Path, levels: list[Any], pixel: tuple[float, float] | None) -> None:
    """Write a label map as tiled OME-TIFF, compressed without loss; a BigTIFF where it is large.

    Args:
        path: the file.
        levels: see :func:`pyramid_of`.
        pixel: the size of a pixel (y, x) in micrometres.
    """
    tifffile = library("tifffile", str(path))
    metadata: dict[str, Any] = {"axes": "YX"}
    if pixel is not None:
        sizes = {f"PhysicalSize{axis}": size for axis, size in zip("YX", pixel, strict=True)}
        metadata |= sizes | {f"{key}Unit": "µm" for key in sizes}
    options: dict[str, Any] = {
        "tile": (TILE, TILE),
        "compression": "zlib",
        "maxworkers": 1,
        "photometric": "minisblack",
    }
    large = levels[0].size * levels[0].dtype.itemsize > LARGEST_CLASSIC
    with tifffile.TiffWriter(path, bigtiff=large, ome=True) as file:
        for place, level in enumerate(levels):
            first = {"subifds": len(levels) - 1, "metadata": metadata, "software": SOFTWARE}
            others = {"subfiletype": 1, "metadata": None}
            shape, kind = level.shape, level.dtype
            file.write(_tiles(level), shape=shape, dtype=kind, **options, **(others if place else first))


def is_own_large_mask(path: Path) -> bool:
    """Return whether a path leads to masks that this module wrote, changed or not."""
    try:
        if path.is_dir():
            group = library("zarr", str(path)).open_group(path, mode="r")
            return "labels" in group.attrs.get("ome", group.attrs)
        with library("tifffile", str(path)).TiffFile(path) as file:
            return file.pages.first.software == SOFTWARE
    except Exception:  # each library raises its own for what is no mask
        return False


def _tiles(level: Any) -> Iterator[np.ndarray]:
    """The tiles of a level, row by row; those at the end are cut."""
    for top in range(0, level.shape[0], TILE):
        rows = level[top : top + TILE]
        for left in range(0, level.shape[1], TILE):
            yield np.ascontiguousarray(rows[:, left : left + TILE])


def write_ome_zarr(
    path: Path,
    maps: Mapping[str, list[Any]],
    names: Mapping[str, str],
    pixel: tuple[float, float] | None,
    zarr_format: int,
) -> None:
    """Write label maps as the group ``labels`` of an OME-Zarr picture: the folder may be moved there as ``labels``.

    Args:
        path: the folder.
        maps: by name, see :func:`pyramid_of`.
        names: of the classes by value as text, for the map ``seg``.
        pixel: the size of a pixel (y, x) in micrometres.
        zarr_format: 2 for OME-Zarr 0.4, 3 for 0.5.
    """
    zarr = library("zarr", str(path))
    version = "0.4" if zarr_format == 2 else "0.5"
    root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    _note(root, {"labels": list(maps)}, version)
    for name, levels in maps.items():
        group = root.create_group(name)
        unit = {} if pixel is None else {"unit": "micrometer"}
        datasets = []
        for place, level in enumerate(levels):
            scale = [2.0**place * size for size in pixel or (1.0, 1.0)]
            datasets.append({"path": str(place), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
            separator = {"name": "v2" if zarr_format == 2 else "default", "separator": "/"}
            chunks = tuple(min(2 * TILE, length) for length in level.shape)
            array = group.create_array(
                str(place), shape=level.shape, chunks=chunks, dtype=level.dtype, chunk_key_encoding=separator
            )
            for window in windows_of(level.shape, 2 * TILE, 0):
                array[window.core] = level[window.core]
        axes = [{"name": axis, "type": "space", **unit} for axis in "yx"]
        scales = {"version": version, "name": name, "axes": axes, "datasets": datasets}
        properties = [{"label-value": int(value), "class": text} for value, text in names.items()]
        label: dict[str, Any] = {"version": version, "source": {"image": "../../"}}
        label |= {"properties": properties} if name == "seg" else {}
        _note(group, {"multiscales": [scales], "image-label": label}, version)


def _note(group: Any, metadata: dict[str, Any], version: str) -> None:
    group.attrs.update(metadata if version == "0.4" else {"ome": {"version": version, **metadata}})
