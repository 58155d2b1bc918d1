"""Checks whether a network can take an image, and whether it was made for it. Needs numpy alone."""

from __future__ import annotations

import numpy as np

from .errors import ConfigError, DataError, counted

AIR = -500.0
"""Hounsfield units below which a voxel of a CT is air. Every CT of a body has such voxels."""

GREY = ("CT", "MR")
"""Modalities without colours."""

VOLUME = 4
"""Dimensions of a volume (channel, x, y, z). A picture has one less, and its file no values below 0."""

MOST_OF_A_PICTURE = 255.0

LEAST_AIR = 0.01
"""Share of voxels with air by which a CT is recognised. Resampling leaves single voxels of an MR below zero."""

COLOURED = 0.1
"""Share of the range of all values by which the channels of a pixel with a colour differ at least. JPEG adds less."""

LEAST_COLOUR = 0.01
"""Share of pixels by which a coloured picture is recognised. A slice may have a coloured mark."""

ALIKE = 1e-3
"""Share of the range of all values within which values are alike."""

FEW = 1e-4
"""Share of the values that damage, such as a broken voxel, makes at most."""

MANY = 1000
"""Values of which one is few."""

COARSE = 1.5
"""Ratio of the largest spacing to that between slices from which the slices are taken along another axis."""

__all__ = ["check_affine", "check_image", "check_not_empty", "check_slice_axis"]


def check_not_empty(image: np.ndarray, name: str) -> None:
    """Refuse an array without values.

    Args:
        image: of any shape.
        name: of the image, for messages.

    Raises:
        DataError: an axis has no length.
    """
    if not image.size:
        raise DataError(f"{name} has the shape {'x'.join(map(str, image.shape))}: there is nothing in it.")


def check_affine(image: np.ndarray, affine: np.ndarray | None, name: str) -> np.ndarray:
    """Return the affine (4, 4) of an array of a volume as floats.

    Args:
        image: (x, y, z) or (x, y, z, channel).
        affine: from x, y, z to millimetres towards right, anterior and superior.
        name: of the image, for messages.

    Raises:
        ConfigError: it has none, or one of another shape; or the array is no volume.
    """
    if image.ndim not in (3, 4) or affine is None:
        raise ConfigError(
            f"{name} is an array of {image.ndim} axes {'without' if affine is None else 'with'} an affine: "
            "give a volume (x, y, z) and its affine (4, 4)."
        )
    if np.shape(affine) != (4, 4):
        raise ConfigError(f"{name} has an affine of the shape {np.shape(affine)}: give one of (4, 4).")
    return np.asarray(affine, dtype=float)


def check_image(image: np.ndarray, in_channels: int, modality: str, name: str) -> list[str]:
    """Check the values of an image.

    Args:
        image: (channel, x, y[, z]).
        in_channels: the channels that the network takes.
        modality: ``CT``, ``MR`` or ``microscopy``.
        name: of the image, for messages.

    Returns:
        Warnings, one sentence each: the values look like those of another modality, or are nearly all alike.

    Raises:
        DataError: another number of channels, or values that are NaN or infinite.
    """
    if image.shape[0] != in_channels:
        points = "time point" if image.shape[0] == 1 else "time points"
        raise DataError(
            f"{name} has {counted(image.shape[0], 'channel')} (or {points}) and the network takes {in_channels}: "
            "convert it, or give a single volume of the series."
        )
    if not np.isfinite(image).all():
        raise DataError(f"{name} has voxels that are NaN or infinite: repair it.")
    lowest, highest = float(image.min()), float(image.max())
    remarks = []
    if modality == "MR" and np.count_nonzero(image < AIR) > LEAST_AIR * image.size:
        remarks.append(f"{name} looks like CT (values down to {lowest:g}), not like MR.")
    if modality == "CT" and image.ndim == VOLUME and lowest > AIR:
        remarks.append(f"{name} does not look like CT in Hounsfield units (values from {lowest:g}).")
    if modality == "CT" and image.ndim < VOLUME and highest > MOST_OF_A_PICTURE:
        remarks.append(
            f"{name} has values up to {highest:g}: in pictures of CT, 0 to 255 must be Hounsfield units, and the "
            "values above are cut off."
        )
    if modality in GREY and image.ndim < VOLUME:
        coloured = np.ptp(image, axis=0) > COLOURED * (highest - lowest)
        if np.count_nonzero(coloured) > LEAST_COLOUR * coloured.size:
            remarks.append(f"{name} has colours, and a slice of {modality} has none: see whether it is the right one.")
    if lowest == highest:
        remarks.append(f"{name} has the value {lowest:g} everywhere: there is nothing to see in it.")
    elif _is_flat(image, highest - lowest):
        remarks.append(
            f"{name} has values from {lowest:g} to {highest:g}, and nearly all lie within a thousandth of that range: "
            "a few of them may be damaged, and hide the others from the network."
        )
    return remarks


def _is_flat(image: np.ndarray, extent: float) -> bool:
    """Return whether nearly all values, of a million at most that are looked at, are alike beside the whole range."""
    some = image.reshape(-1)[:: max(1, image.size // 10**6)].astype(np.float64)
    others = np.count_nonzero(np.abs(some - np.median(some)) > ALIKE * extent)
    return bool(others <= max(1, FEW * some.size) and some.size > MANY)


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
        f"{spacing.max():.3g} mm: choose it with --slice-axis (in Python slice_axis) if the network was trained on "
        "such slices."
    ]
