"""Turns a volume before it is sliced."""

from __future__ import annotations

from .errors import ConfigError

SLICE_AXES = {"sagittal": "LR", "coronal": "PA", "axial": "IS"}
"""By the name of a slice, the two directions of the axis that it is perpendicular to."""


def slice_orientation(trained: str, slice_axis: str = "auto") -> str:
    """The orientation, as three letters, whose last axis is sliced along.

    Args:
        trained: the orientation that the network was trained in, such as ``RAS``; its last axis is the trained one.
        slice_axis: ``auto`` for that axis, or ``sagittal``, ``coronal``, ``axial``.

    Raises:
        ConfigError: there is no such axis.

    Example:
        >>> slice_orientation("RAS", "coronal")
        'RSA'
    """
    if slice_axis == "auto":
        return trained
    if slice_axis not in SLICE_AXES:
        raise ConfigError(f"There is no slice axis {slice_axis!r}: use auto, {', '.join(SLICE_AXES)}.")
    last = next(letter for letter in trained if letter in SLICE_AXES[slice_axis])
    return trained.replace(last, "") + last
