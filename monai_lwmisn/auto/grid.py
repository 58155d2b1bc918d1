"""Chooses the grid on which the network sees images: spacing, size, part of an image, and images at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monai_lwmisn.auto.fingerprint import Fingerprint

BOTH = ["image", "label"]

LARGE_OBJECT = 128
"""Pixels across from which objects of pictures are larger than the network needs to tell what they are."""

WANTED_OBJECT = 96
SMALLEST_SIDE = 256
"""Pixels of the longer side, below which pictures and slices are not made smaller."""

LARGE_PLANE = 320
"""Pixels of a side from which slices are made smaller."""

NEEDED_WIDTH = 5.0
"""Pixels of the width that the thinnest class keeps in an image that is made smaller."""

SAME_SPACING = 1.15
"""Ratio of the largest to the least in-plane spacing up to which all volumes have one."""

BRIEF_CROP, PICTURE_CROP, WHOLE_PICTURE, LARGEST_CROP = 96, 160, 256, 288
"""Pixels of a side that the network sees at most: of pictures with many small objects, in a brief training and in a
longer one; of other pictures; and of slices."""

FEW_OBJECTS = 3
"""Up to so many objects in a picture, the network sees as much of it as it can, because their place tells something."""


@dataclass(frozen=True)
class Grid:
    """What the network sees.

    Attributes:
        transforms: change the grid of image and label.
        reason: why, as a sentence.
        size: height and width of the median image or slice after them.
        crop: height and width of what the network sees in training.
        scale: length of a pixel before them by its length after.
        batch: images or slices at a time.
    """

    transforms: list[dict[str, Any]]
    reason: str
    size: tuple[int, int]
    crop: list[int]
    scale: float
    batch: int


def choose_grid(fingerprint: Fingerprint, brief: bool = False) -> Grid:
    """Return the grid for the images of a fingerprint.

    Args:
        fingerprint: of the data.
        brief: whether there is little time, in which many small steps teach more than few large ones.
    """
    transforms, reason, scale = (_of_volumes if fingerprint.volumetric else _of_pictures)(fingerprint)
    first, second = (max(1, round(fingerprint.size["median"][axis] * scale[place]))
                     for place, axis in enumerate(fingerprint.plane))  # fmt: skip
    size = first, second
    if fingerprint.volumetric:
        crop = [min(LARGEST_CROP, _up(length, 4)) for length in size]
    else:
        object_size = max(facts.diameter for facts in fingerprint.classes) * min(scale)
        few = max(facts.pieces for facts in fingerprint.classes) <= FEW_OBJECTS
        least = BRIEF_CROP if brief else PICTURE_CROP
        most = WHOLE_PICTURE if few else min(WHOLE_PICTURE, max(least, _up(round(2 * object_size), 16)))
        crop = [min(most, _up(length, 8)) for length in size]
    area = crop[0] * crop[1]
    batch = (16 if area <= 96**2 else 8) if fingerprint.volumetric else (8 if area <= 96**2 and not brief else 4)
    return Grid(transforms, reason, size, crop, min(scale), batch)


def _of_pictures(fingerprint: Fingerprint) -> tuple[list[dict[str, Any]], str, tuple[float, float]]:
    diameter = max(facts.diameter for facts in fingerprint.classes)
    width = min(facts.width for facts in fingerprint.classes)
    longest = max(fingerprint.size["median"])
    factor = max(WANTED_OBJECT / diameter, SMALLEST_SIDE / longest, NEEDED_WIDTH / width)
    if diameter < LARGE_OBJECT or factor > 0.8:
        thinnest = min(fingerprint.classes, key=lambda facts: facts.width)
        thin = f"{thinnest.name} is {width:.0f} pixels wide" if width < diameter / 4 else ""
        return [], f"Pictures keep their size: {thin or f'the objects are {diameter:.0f} pixels across'}.", (1.0, 1.0)
    target = _up(round(longest * factor), 32)
    resize = {"_target_": "Resized", "keys": BOTH, "allow_missing_keys": True, "spatial_size": target,
              "size_mode": "longest", "mode": ["bilinear", "nearest"]}  # fmt: skip
    reason = (
        f"The objects are {diameter:.0f} pixels across, more than the network needs: the longer side is made {target}."
    )
    return [resize], reason, (target / longest, target / longest)


def _of_volumes(fingerprint: Fingerprint) -> tuple[list[dict[str, Any]], str, tuple[float, float]]:
    plane = fingerprint.plane
    size = [fingerprint.size["median"][axis] for axis in plane]
    spacing = [fingerprint.spacing_mm["median"][axis] for axis in plane]
    width = min(facts.width for facts in fingerprint.classes)
    factor = max(SMALLEST_SIDE / max(size), min(1.0, NEEDED_WIDTH / width))
    smaller = max(size) >= LARGE_PLANE and factor <= 0.8
    various = max(
        fingerprint.spacing_mm["most"][axis] / fingerprint.spacing_mm["least"][axis] for axis in plane
    ) > SAME_SPACING  # fmt: skip
    if not smaller and not various:
        listed = " x ".join(f"{length:g}" for length in spacing)
        return (
            [],
            f"Slices keep their grid: all have {listed} mm or nearly so, and {size[0]}x{size[1]} voxels.",
            (1.0, 1.0),
        )
    scale = factor if smaller else 1.0
    mode = ["bilinear", "nearest"]
    if not various and fingerprint.size["least"] == fingerprint.size["most"]:
        target = [round(length * scale) for length in size]
        resize = {"_target_": "Resized", "keys": BOTH, "allow_missing_keys": True, "spatial_size": [*target, -1],
                  "mode": ["trilinear", "nearest"]}  # fmt: skip
        reason = (
            f"Slices of {size[0]}x{size[1]} are made {target[0]}x{target[1]}: the thinnest class is {width:.0f} wide."
        )
        return [resize], reason, (scale, scale)
    finest = [round(length / scale, 3) for length in spacing]
    resample = {"_target_": "Spacingd", "keys": BOTH, "allow_missing_keys": True, "pixdim": [*finest, -1.0],
                "mode": mode, "padding_mode": "border"}  # fmt: skip
    why = "the in-plane spacing differs between volumes" if various else "the slices are larger than the network needs"
    listed = " x ".join(f"{length:g}" for length in finest)
    return [resample], f"Slices are resampled to {listed} mm, because {why}.", (scale, scale)


def _up(length: int, step: int) -> int:
    return max(step, -(-length // step) * step)
