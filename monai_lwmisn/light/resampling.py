"""Resamples volumes between voxels by linear interpolation, as MONAI's Spacing and Resize do. Needs numpy alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import DataError

SAME_SPACING = 1e-3
"""Millimetres by which two spacings may differ and count as the same, as in MONAI."""

ORTHOGONAL = 1e-3
"""The largest cosine of the angle between two axes that are not sheared."""

__all__ = ["interpolate", "positions_by_size", "positions_by_spacing", "spacing_of"]


def spacing_of(affine: np.ndarray, name: str) -> np.ndarray:
    """Return the spacing (3,) in mm of a volume that is to be resampled.

    Raises:
        DataError: its axes are sheared: MONAI would straighten them.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    axes = affine[:3, :3] / spacing
    if np.abs(axes.T @ axes - np.eye(3)).max() > ORTHOGONAL:
        raise DataError(
            f"{name} has sheared axes, as of a tilted gantry, and this network takes another spacing: resample the "
            "volume, or use the bundle with torch."
        )
    return spacing


def positions_by_spacing(length: int, spacing: float, wanted: float) -> np.ndarray | None:
    """Return where the voxels of another spacing lie between those of an axis; None where nothing changes.

    Args:
        length: voxels of the axis.
        spacing: of the axis in mm.
        wanted: the other spacing; 0 for the same.
    """
    if wanted <= 0 or abs(spacing - wanted) <= SAME_SPACING:
        return None
    return np.arange(round((length - 1) * spacing / wanted + 1)) * (wanted / spacing)


def positions_by_size(length: int, wanted: int) -> np.ndarray | None:
    """Return where the pixels lie when an axis gets another number of them; None where nothing changes."""
    return None if wanted in (-1, length) else (np.arange(wanted) + 0.5) * (length / wanted) - 0.5


def interpolate(values: np.ndarray, positions: Sequence[np.ndarray | None]) -> np.ndarray:
    """Interpolate between voxels. Beyond the first and the last voxel, their values are repeated.

    Args:
        values: (channel, x, y, ...), float32.
        positions: along each axis behind the channels; None leaves it.
    """
    for axis, places in enumerate(positions, start=1):
        if places is None:
            continue
        places = np.clip(places, 0, values.shape[axis] - 1)
        before = np.floor(places).astype(np.int64)
        after = np.minimum(before + 1, values.shape[axis] - 1)
        share = (places - before).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1 - axis))
        first = np.take(values, before, axis)
        values = first + (np.take(values, after, axis) - first) * share
    return values
