"""Checks whether a network can take an image, and whether it was made for it. Needs numpy alone."""

from __future__ import annotations

import numpy as np

from monai_lwmisn.errors import DataError

AIR = -500.0
"""Hounsfield units below which a voxel of a CT is air. Every CT of a body has such voxels."""

LEAST_AIR = 0.01
"""Share of voxels with air by which a CT is recognised. Resampling leaves single voxels of an MR below zero."""

COARSE = 1.5
"""Ratio of the largest spacing to that between slices from which the slices are taken along another axis."""

__all__ = ["check_image", "check_slice_axis"]


def check_image(image: np.ndarray, in_channels: int, modality: str, name: str) -> list[str]:
    """Check the values of an image.

    Args:
        image: (channel, x, y[, z]).
        in_channels: the channels that the network takes.
        modality: ``CT``, ``MR`` or ``microscopy``.
        name: of the image, for messages.

    Returns:
        Warnings, one sentence each: the values look like those of another modality.

    Raises:
        DataError: another number of channels, or values that are NaN or infinite.
    """
    if image.shape[0] != in_channels:
        raise DataError(
            f"{name} has {image.shape[0]} channels (or moments) and the network takes {in_channels}: "
            "convert it, or give a single volume of the series."
        )
    if not np.isfinite(image).all():
        raise DataError(f"{name} has voxels that are NaN or infinite: repair it.")
    lowest = float(image.min())
    if modality == "MR" and np.count_nonzero(image < AIR) > LEAST_AIR * image.size:
        return [f"{name} looks like CT (values down to {lowest:g}), not like MR."]
    if modality == "CT" and lowest > AIR:
        return [f"{name} does not look like CT in Hounsfield units (values from {lowest:g})."]
    return []


def check_slice_axis(spacing: np.ndarray, name: str) -> list[str]:
    """Check that a volume is sliced as it was acquired.

    The axis of the largest spacing is that along which the scanner took the slices. Slices along another are blurred.

    Args:
        spacing: in mm along x, y and z; the slices are taken along z.
        name: of the volume, for messages.

    Returns:
        Warnings, one sentence each.
    """
    if spacing.max() <= COARSE * spacing[-1]:
        return []
    return [
        f"{name} is sliced along an axis with {spacing[-1]:.3g} mm between slices, while another axis has "
        f"{spacing.max():.3g} mm: choose it with slice_axis if the network was trained on such slices."
    ]
