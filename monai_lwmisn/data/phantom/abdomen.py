"""Makes artificial abdominal CT in Hounsfield units: a liver among organs of similar density."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from monai_lwmisn.data.phantom.fields import ellipsoid, smooth_field

AIR, LUNG, FAT, MUSCLE, BONE = -1000.0, -800.0, -100.0, 50.0, 500.0


def abdomen_volume(size: int, slices: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return an artificial abdominal CT volume and the mask of its liver.

    Args:
        size: width and height of a slice in voxels.
        slices: number of slices.
        generator: the only source of randomness.

    Returns:
        Hounsfield units (int16) and the liver (uint8, 0 or 1), both (x, y, z). x points to the patient's left, y to
        the back, z to the head.
    """
    axes = [np.linspace(-1, 1, size), np.linspace(-1, 1, size), np.linspace(-1, 1, slices)]
    grid = np.meshgrid(*axes, indexing="ij")
    shape = grid[0].shape
    # One deformation for all organs makes sure that no outline is an exact ellipsoid.
    bent = [axis + 0.04 * smooth_field(shape, size / 8, generator) for axis in grid]
    jitter = lambda scale: generator.normal(0, scale, 3)  # noqa: E731

    volume = np.full(shape, AIR)
    body = ellipsoid(grid[:2], (0, 0), (0.9, 0.68))
    volume[body < 1] = FAT
    volume[body < 0.93] = MUSCLE
    cavity = ellipsoid(bent[:2], (0, -0.04), (0.76, 0.54)) < 1
    volume[cavity] = FAT + 30 * smooth_field(shape, 3, generator)[cavity]

    tissue = generator.uniform(45, 75)  # contrast phase of this patient, common to the liver and its neighbours
    organs = [  # centre, radii, Hounsfield units
        ((0.55, 0.2, 0.2) + jitter(0.03), (0.2, 0.22, 0.6), tissue + generator.uniform(-10, 12)),  # spleen
        ((0.38, 0.3, -0.5) + jitter(0.03), (0.13, 0.14, 0.6), tissue + generator.uniform(5, 60)),  # left kidney
        ((-0.38, 0.3, -0.6) + jitter(0.03), (0.13, 0.14, 0.55), tissue + generator.uniform(5, 60)),  # right kidney
        ((0.3, -0.2, 0.25) + jitter(0.04), (0.27, 0.22, 0.55), tissue + generator.uniform(-25, 0)),  # stomach
        ((0.05, -0.25, -0.6) + jitter(0.05), (0.32, 0.2, 0.45), tissue + generator.uniform(-20, 5)),  # bowel
    ]
    for center, radii, density in organs:
        volume[(ellipsoid(bent, center, radii) < 1) & cavity] = density
    volume[ellipsoid(bent, (0.3, -0.3, 0.25), (0.14, 0.07, 0.3)) < 1] = AIR + 100  # gas in the stomach

    right_lobe = ellipsoid(bent, (-0.36, -0.02, 0.15) + jitter(0.03), (0.4, 0.44, 0.85))
    left_lobe = ellipsoid(bent, (0.0, -0.24, 0.35) + jitter(0.03), (0.38, 0.2, 0.45))
    gallbladder = ellipsoid(bent, (-0.2, -0.22, -0.35) + jitter(0.03), (0.1, 0.13, 0.25)) < 1
    kidney = ellipsoid(bent, organs[2][0], organs[2][1]) < 1.05
    liver = (np.minimum(right_lobe, left_lobe) < 1) & cavity & ~gallbladder & ~kidney
    volume[liver] = tissue
    vessels = np.abs(smooth_field(shape, max(size / 24, 1.5), generator)) < 0.12
    volume[liver & vessels] += generator.uniform(15, 35)
    volume[gallbladder & cavity] = 10

    lung = (ellipsoid(bent, (0.35, 0.05, 1.2), (0.38, 0.45, 0.5)) < 1) & cavity & ~liver
    volume[lung] = LUNG
    spine = ellipsoid(grid[:2], (0, 0.42), (0.13, 0.12)) < 1
    volume[spine] = 0.6 * BONE
    angle = np.arctan2(grid[1], grid[0]) + 2.5 * grid[2]
    ribs = (np.abs(body - 0.86) < 0.035) & (np.cos(9 * angle) > 0.55)
    volume[ribs] = BONE

    blurred = gaussian_filter(volume, (0.7, 0.7, 0.3))
    noise = gaussian_filter(generator.normal(0, 1, shape), (0.7, 0.7, 0))
    blurred += generator.uniform(12, 20) * noise / noise.std()
    return np.clip(np.round(blurred), -1024, 3071).astype(np.int16), liver.astype(np.uint8)
