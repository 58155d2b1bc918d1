"""Makes the random smooth fields and the ellipsoids that phantoms are composed of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter


def smooth_field(shape: Sequence[int], scale: float, generator: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise smoothed to structures of about ``scale`` pixels, with mean 0 and standard deviation 1."""
    # Wrapping keeps the field as strong at the border as in the middle.
    field = gaussian_filter(generator.standard_normal(shape), scale, mode="wrap")
    return (field - field.mean()) / (field.std() + 1e-12)


def ellipsoid(grid: Sequence[np.ndarray], center: ArrayLike, radii: ArrayLike, angle: float = 0.0) -> np.ndarray:
    """Return the distance of each point from the centre in units of the radii: below 1 inside, above 1 outside.

    Args:
        grid: coordinates, one array per axis, as from ``numpy.meshgrid``.
        center: centre per axis.
        radii: half axis per axis.
        angle: rotation in the plane of the first two axes, in radians.
    """
    offsets = [axis - middle for axis, middle in zip(grid, np.asarray(center), strict=True)]
    first = np.cos(angle) * offsets[0] + np.sin(angle) * offsets[1]
    second = np.cos(angle) * offsets[1] - np.sin(angle) * offsets[0]
    parts = [first, second, *offsets[2:]]
    return np.sqrt(sum((part / radius) ** 2 for part, radius in zip(parts, np.asarray(radii), strict=True)))
