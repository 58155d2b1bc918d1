"""Measures the images and labels of a data set one by one, as they are loaded for its check."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.measure import label as regions_of
from skimage.measure import regionprops
from skimage.morphology import skeletonize

from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.light.image_checks import AIR, LEAST_AIR

SAMPLED = 20_000
"""Values that are taken of each channel of an image, and at most as many of its foreground."""

WIDEST = 1024
"""Pixels of a side of the part of a label that is looked at for its width."""


@dataclass
class OfClass:
    """Holds what was measured of one class, a number for each image that has it.

    Attributes:
        voxels: pixels or voxels.
        pieces: connected regions.
        largest: share of the largest region.
        holes: share of holes in the filled class, on the slice where it is largest.
        width: mean width in pixels on that slice: its area by the length of its skeleton, which is a line of thin
            structures, and at most the diameter of the largest disc in it.
        diameter: diameter in pixels of the circle of the area of its median region on that slice.
        centre: place of its centre in the image, 0 to 1 along each axis.
    """

    voxels: list[int] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    largest: list[float] = field(default_factory=list)
    holes: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    diameter: list[float] = field(default_factory=list)
    centre: list[list[float]] = field(default_factory=list)
    smallest: list[int] = field(default_factory=list)


class Observation:
    """Gathers measures of images (channel, x, y[, z]) and labels (1, x, y[, z]); call it with each.

    Attributes:
        classes: measures of each class by its value.
        centres: for each image, the centre of each class by its value.
        values: sampled values of each channel, an array for each image.
        foreground: the same of the foreground; images without foreground give an empty array.
        sizes: extent of each image.
        spacings: voxel spacing of each volume in mm.
        bright: for each image, whether its median is in the upper half of its range without outliers.
        darker: for each image with foreground, whether that is darker than the rest.
        air: whether each image has as much air as a CT.
        coloured: number of pictures in colour.
        darkest: share of the values of each image that are its lowest.
        slices: for each volume and each of its axes, the slices across it, and those of them that have foreground.
    """

    def __init__(self) -> None:
        self.classes: dict[int, OfClass] = defaultdict(OfClass)
        self.centres: list[dict[int, list[float]]] = []
        self.values: list[np.ndarray] = []
        self.foreground: list[np.ndarray] = []
        self.sizes: list[tuple[int, ...]] = []
        self.spacings: list[list[float]] = []
        self.bright: list[bool] = []
        self.darker: list[bool] = []
        self.air: list[bool] = []
        self.darkest: list[float] = []
        self.slices: list[list[tuple[int, int]]] = []
        self.coloured = 0
        self.voxels: Counter[int] = Counter()

    def __call__(self, item: Item, loaded: Mapping[str, Any]) -> None:
        """Measure one image and its label."""
        image, label = np.asarray(loaded["image"]), np.asarray(loaded["label"])[0]
        if image.ndim == 4:
            self.spacings.append([float(length) for length in loaded["image"].pixdim])
            across = [tuple(other for other in range(3) if other != axis) for axis in range(3)]
            filled = [int(label.any(axis=others).sum()) for others in across]
            self.slices.append(list(zip(label.shape, filled, strict=True)))
        elif image.shape[0] >= 3:
            self.coloured += int(np.abs(image[0] - image[-1]).max() > 0)
        self.sizes.append(image.shape[1:])
        self._measure_values(image.reshape(len(image), -1), label.ravel() > 0)
        centres = {}
        for value in np.unique(label).tolist():
            self.voxels[value] += int((label == value).sum())
            if value:
                centres[value] = self._measure_class(label == value, self.classes[value])
        self.centres.append(centres)

    def _measure_values(self, values: np.ndarray, inside: np.ndarray) -> None:
        generator = np.random.default_rng(len(self.sizes))

        def sample(array: np.ndarray) -> np.ndarray:
            if array.shape[1] <= SAMPLED:
                return array
            return array[:, generator.integers(0, array.shape[1], SAMPLED)]

        found = sample(values)
        self.values.append(found)
        self.foreground.append(sample(values[:, inside]))
        low, middle, high = np.percentile(found[0], (0.5, 50, 99.5))
        self.bright.append(bool(middle > (low + high) / 2))
        self.air.append(bool((found[0] < AIR).mean() > LEAST_AIR))
        self.darkest.append(float((found[0] == found[0].min()).mean()))
        if inside.any() and not inside.all():
            self.darker.append(bool(np.median(self.foreground[-1][0]) < np.median(sample(values[:, ~inside])[0])))

    def _measure_class(self, mask: np.ndarray, of_class: OfClass) -> list[float]:
        # Measures of the part that the class is in are those of the whole, and take less time.
        box = ndimage.find_objects(mask.astype(np.uint8))[0]
        part = mask[box]
        regions, pieces = ndimage.label(part, np.ones((3,) * part.ndim))
        areas = np.bincount(regions.ravel())[1:]
        of_class.voxels.append(int(areas.sum()))
        of_class.pieces.append(int(pieces))
        of_class.largest.append(float(areas.max() / areas.sum()))
        of_class.smallest.append(int(areas.min()))
        centre = [
            float((np.mean(places) + side.start) / max(length - 1, 1))
            for places, side, length in zip(np.nonzero(part), box, mask.shape, strict=True)
        ]
        of_class.centre.append(centre)
        self._measure_plane(part, of_class)
        return centre

    @staticmethod
    def _measure_plane(part: np.ndarray, of_class: OfClass) -> None:
        plane = part if part.ndim == 2 else part[..., int(part.sum(axis=(0, 1)).argmax())]
        plane = plane[:WIDEST, :WIDEST] if plane[:WIDEST, :WIDEST].any() else plane
        widest = 2 * float(ndimage.distance_transform_edt(np.pad(plane, 1)).max())
        of_class.width.append(min(widest, float(plane.sum() / max(int(skeletonize(plane).sum()), 1))))
        of_class.holes.append(float(1 - plane.sum() / ndimage.binary_fill_holes(plane).sum()))
        diameters = [region.equivalent_diameter_area for region in regionprops(regions_of(plane))]
        of_class.diameter.append(float(np.median(diameters)))
