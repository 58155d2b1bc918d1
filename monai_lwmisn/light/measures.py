"""Measures what was found in an image: how many objects, how large, how bright. Needs numpy, scipy and skimage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .masks import Prediction

__all__ = ["Measures", "Rows", "measure"]


class Rows(Protocol):
    """Rows of a table, of which there may be too many to keep."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Return one after the other."""


@dataclass(frozen=True)
class Measures:
    """The figures of one image, as rows of a table. A mean over nothing is None.

    Args:
        classes: a row for each class: ``class``; ``objects``, their number; ``area_px`` of a picture, or ``volume_ml``
            of a volume; ``mean_diameter_px`` or ``mean_diameter_mm`` of the objects; and ``mean_intensity``, of the
            values in the file: for each channel of a volume that has several, and over the colours of a picture.
        objects: a row for each numbered object of a picture, with its middle ``x``, ``y`` in pixels from 0 on; none
            where objects are not told apart.
    """

    classes: tuple[dict[str, Any], ...]
    objects: Rows = ()


def measure(prediction: Prediction, values: np.ndarray, label_names: Mapping[str, str]) -> Measures:
    """Measure each class of a mask.

    The objects are the numbered ones where the bundle tells objects apart. Otherwise they are the connected regions of
    a class; pixels that touch by a corner are connected. The diameter of an object is that of a disc of its area, or a
    ball of its volume. A picture is measured in pixels, because most files do not say how large a pixel is.

    Args:
        prediction: what was found.
        values: of the image on the same grid: (height, width) or (x, y, z), or with channels behind.
        label_names: the names of the classes by value as text.
    """
    volumetric = prediction.labels.ndim == 3
    side, unit = 1.0, "px"
    if volumetric:
        # A cube of the volume of a voxel: axes may be oblique.
        side, unit = abs(np.linalg.det(np.asarray(prediction.affine)[:3, :3])) ** (1 / 3), "mm"
    values = values.reshape(*prediction.labels.shape, -1)
    if not volumetric:
        values = values.mean(axis=-1, keepdims=True)  # grey and coloured pictures have the same columns
    channels = range(values.shape[-1])
    names = [f"mean_intensity_{channel + 1}" if len(channels) > 1 else "mean_intensity" for channel in channels]
    classes, objects = [], list[dict[str, Any]]()
    for value, name in label_names.items():
        found = _regions(prediction, int(value), values, side)
        areas = found.get("area", np.zeros(0))
        size = {"volume_ml": areas.sum() / 1000} if volumetric else {"area_px": int(areas.sum())}
        diameters = found.get("equivalent_diameter_area", areas)
        intensities = [found.get(f"intensity_mean-{channel}", areas) for channel in channels]
        row = {"class": name, "objects": len(areas), **size, f"mean_diameter_{unit}": _mean(diameters)}
        classes.append(row | {key: _mean(one, areas) for key, one in zip(names, intensities, strict=True)})
        if prediction.instances is not None and len(areas):
            columns = {
                "object": found["label"],
                "class": np.full(len(areas), name),
                "area_px": areas.astype(int),
                "diameter_px": diameters,
                "x": found["centroid-1"],
                "y": found["centroid-0"],
                **dict(zip(names, intensities, strict=True)),
            }
            objects += [dict(zip(columns, one, strict=True)) for one in zip(*columns.values(), strict=True)]
    return Measures(tuple(classes), tuple(objects))


def _regions(prediction: Prediction, value: int, values: np.ndarray, side: float) -> dict[str, np.ndarray]:
    """The properties of the objects of a class, by skimage's names; none where there is no object."""
    from scipy.ndimage import label
    from skimage.measure import regionprops_table

    numbers = prediction.instances
    if numbers is None:
        numbers, _ = label(prediction.labels == value, np.ones((3,) * prediction.labels.ndim))
    if not numbers.any():
        return {}
    properties = ("label", "area", "equivalent_diameter_area", "centroid", "intensity_mean")
    return regionprops_table(numbers, values, properties, spacing=(side,) * numbers.ndim)


def _mean(values: np.ndarray, weights: np.ndarray | None = None) -> float | None:
    return float(np.average(values, weights=weights)) if len(values) else None
