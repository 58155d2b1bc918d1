"""Makes artificial T2-weighted MR of the pelvis: a prostate between bladder and rectum, bias field, Rician noise."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from monai_lwmisn.data.phantom.fields import ellipsoid, smooth_field


def pelvis_volume(size: int, slices: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return an artificial T2-weighted MR volume and the mask of its prostate.

    Args:
        size: width and height of a slice in voxels.
        slices: number of slices.
        generator: the only source of randomness.

    Returns:
        Intensities (int16) and the prostate (uint8, 0 or 1), both (x, y, z). x points to the patient's left, y to
        the back, z to the head.
    """
    axes = [np.linspace(-1, 1, size), np.linspace(-1, 1, size), np.linspace(-1, 1, slices)]
    grid = np.meshgrid(*axes, indexing="ij")
    shape = grid[0].shape
    bent = [axis + 0.03 * smooth_field(shape, size / 9, generator) for axis in grid]
    center = np.array([0, 0.0, -0.05]) + generator.normal(0, [0.06, 0.05, 0.05])
    radii = np.array([0.36, 0.28, 0.62]) * generator.uniform(0.85, 1.2, 3)

    signal = 0.45 + 0.08 * smooth_field(shape, 3, generator)  # fat and loose tissue
    for side in (-1, 1):  # obturator muscles
        signal[ellipsoid(bent[:2], (0.75 * side, 0.0), (0.25, 0.55), 0.2 * side) < 1] = 0.18
        signal[ellipsoid(bent[:2], (0.5 * side, 0.55), (0.16, 0.32), 0.5 * side) < 1] = 0.22
    signal[np.abs(smooth_field(shape, 2.5, generator)) > 2.1] = 0.85  # veins

    bladder = ellipsoid(bent, center + (0, -0.28, 0.95), (0.5, 0.4, 0.55)) < 1
    rectum = ellipsoid(bent[:2], (center[0], center[1] + radii[1] + 0.26), (0.26, 0.22))
    prostate = ellipsoid(bent, center, radii)
    gland = ellipsoid(bent, center - (0, 0.3 * radii[1], 0), 0.68 * radii)

    signal[rectum < 1] = 0.35
    signal[rectum < 0.8] = generator.uniform(0.05, 0.6)  # air or filling
    inside = prostate < 1
    signal[inside] = (generator.uniform(0.5, 0.7) + 0.07 * smooth_field(shape, 2, generator))[inside]  # peripheral zone
    nodules = 0.38 + 0.13 * smooth_field(shape, 2.5, generator)
    signal[inside & (gland < 1)] = nodules[inside & (gland < 1)]
    signal[bladder & ~inside] = 0.95

    signal = gaussian_filter(signal, (0.6, 0.6, 0.3))
    bias = np.exp(0.35 * smooth_field(shape, size / 2.5, generator) - generator.uniform(0, 0.7) * (grid[1] - 0.4) ** 2)
    signal = signal * bias
    level = generator.uniform(0.02, 0.05)
    rician = np.hypot(signal + generator.normal(0, level, shape), generator.normal(0, level, shape))
    return np.round(generator.uniform(400, 1200) * rician).astype(np.int16), inside.astype(np.uint8)
