"""Chooses the random transforms of training images by a fingerprint."""

from __future__ import annotations

from typing import Any

from monai_lwmisn.auto.fingerprint import Fingerprint
from monai_lwmisn.auto.grid import BOTH, Grid

Transform = dict[str, Any]
LARGEST_ZOOM, SMALLEST_ZOOM = 1.6, 0.7
"""Of pictures, which are cut so large that the smallest zoom still gives what the network sees."""


def mirror_axes(fingerprint: Fingerprint) -> list[int]:
    """Return the in-plane axes (0, 1) along which a mirror image is as likely as the image.

    Pictures have no up and down of their own unless their classes lie on sides: where these differ from left to right,
    the pictures have one pose, and where they differ in height, left and right are still alike. Bodies are alike from
    left to right only.
    """
    if not fingerprint.volumetric:
        return [] if "0" in fingerprint.sides else [0] if "1" in fingerprint.sides else [0, 1]
    return [place for place, axis in enumerate(fingerprint.plane) if axis == 0 and "0" not in fingerprint.sides]


def augmentation(fingerprint: Fingerprint, grid: Grid, mirrored: list[int]) -> list[Transform]:
    """Return the transforms, which give images and labels of one size.

    Args:
        fingerprint: of the data.
        grid: what the network sees.
        mirrored: see :func:`mirror_axes`.
    """
    crop = grid.crop
    flips = [_random("RandFlipd", BOTH, 0.5, spatial_axis=axis) for axis in mirrored]
    if fingerprint.volumetric:
        noise = 0.1 if _is_normalised(fingerprint) else 0.03
        return [*_slices(grid.size, crop), *flips, *_intensities(fingerprint, noise)]
    turns = [_random("RandRotate90d", BOTH, 0.75, max_k=3)] if len(mirrored) == 2 and crop[0] == crop[1] else []
    small_turns = [] if turns else [_affine(crop)]
    return [*_zoomed_pictures(crop), *small_turns, *flips, *turns, *_intensities(fingerprint, noise=0.05)]


def _zoomed_pictures(crop: list[int]) -> list[Transform]:
    large = [round(length / SMALLEST_ZOOM) + 1 for length in crop]
    return [
        {"_target_": "SpatialPadd", "keys": BOTH, "spatial_size": large, "mode": "edge"},
        {"_target_": "RandSpatialCropd", "keys": BOTH, "roi_size": large, "random_size": False},
        _random("RandZoomd", BOTH, 0.7, min_zoom=SMALLEST_ZOOM, max_zoom=LARGEST_ZOOM, mode=["bilinear", "nearest"],
                keep_size=False),
        {"_target_": "RandSpatialCropd", "keys": BOTH, "roi_size": crop, "random_size": False},
    ]  # fmt: skip


def _slices(size: tuple[int, int], crop: list[int]) -> list[Transform]:
    if all(side >= length for side, length in zip(crop, size, strict=True)):
        return [{"_target_": "ResizeWithPadOrCropd", "keys": BOTH, "spatial_size": crop}, _affine(crop)]
    return [
        {"_target_": "SpatialPadd", "keys": BOTH, "spatial_size": crop, "mode": "edge"},
        {"_target_": "RandSpatialCropd", "keys": BOTH, "roi_size": crop, "random_size": False},
        _affine(crop),
    ]


def _affine(crop: list[int]) -> Transform:
    shift = [max(1, length // 20) for length in crop]
    return _random("RandAffined", BOTH, 0.8, rotate_range=0.26, scale_range=0.2, translate_range=shift,
                   mode=["bilinear", "nearest"], padding_mode="border")  # fmt: skip


def _intensities(fingerprint: Fingerprint, noise: float) -> list[Transform]:
    found = []
    if not _is_normalised(fingerprint):
        wide = not fingerprint.volumetric
        found.append(
            _random("RandAdjustContrastd", "image", 0.5 if wide else 0.3, gamma=[0.5, 2.0] if wide else [0.7, 1.5])
        )
    found.append(_random("RandScaleIntensityd", "image", 0.3, factors=0.2))
    found.append(_random("RandShiftIntensityd", "image", 0.3, offsets=0.1))
    if fingerprint.coloured > 0:
        found.append(_random("RandScaleIntensityd", "image", 0.3, factors=0.2, channel_wise=True))
        found.append(_random("RandShiftIntensityd", "image", 0.3, offsets=0.1, channel_wise=True))
    found.append(_random("RandGaussianNoised", "image", 0.2, std=noise))
    found.append(_random("RandGaussianSmoothd", "image", 0.2, sigma_x=[0.3, 1.0], sigma_y=[0.3, 1.0]))
    return found


def _is_normalised(fingerprint: Fingerprint) -> bool:
    """Return whether values have no fixed range, so that a change of contrast has no meaning."""
    return fingerprint.volumetric and fingerprint.modality != "CT"


def _random(name: str, keys: str | list[str], probability: float, **arguments: Any) -> Transform:
    return {"_target_": name, "keys": keys, "prob": probability, **arguments}
