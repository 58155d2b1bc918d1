"""Makes artificial microscopy images: touching nuclei under uneven light, in three stains."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from monai_lwmisn.data.phantom.fields import ellipsoid, smooth_field

STAINS = ("fluorescence", "purple", "fluorescence", "brightfield")
"""The stains in the order of the cases. Fluorescence is the most frequent, as in the Data Science Bowl."""

# Colours of the stained picture, 0 to 1: empty glass, cytoplasm, nuclei.
GLASS, EOSIN, HEMATOXYLIN = (np.array(color) for color in ([0.93, 0.90, 0.94], [0.86, 0.62, 0.78], [0.40, 0.25, 0.58]))


def draw_instances(size: int, generator: np.random.Generator) -> np.ndarray:
    """Return the instance map (height, width) of nuclei, single or in touching clusters; 0 outside."""
    grid = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    instances = np.zeros((size, size), dtype=np.int32)
    typical = generator.uniform(0.045, 0.075) * max(size, 96)
    clusters = generator.uniform(0, size, (generator.integers(2, 5), 2))
    count = generator.integers(8, 18)
    number = 0
    for _ in range(count):
        near_cluster = generator.random() < 0.6
        center = generator.uniform(0, size, 2)
        if near_cluster:
            center = clusters[generator.integers(len(clusters))] + generator.normal(0, 2.2 * typical, 2)
        radii = typical * generator.uniform(0.7, 1.35, 2)
        distance = ellipsoid(grid, center, radii, generator.uniform(0, np.pi))
        direction = np.arctan2(grid[0] - center[0], grid[1] - center[1])
        for harmonic in (2, 3, 5):
            wave = np.cos(harmonic * direction + generator.uniform(0, 2 * np.pi))
            distance = distance * (1 + generator.normal(0, 0.05) * wave)
        inside = distance < 1
        free = inside & (instances == 0)
        # A nucleus that is mostly covered by others would leave an invisible sliver.
        if inside.any() and free.sum() > 0.7 * inside.sum() and free.sum() > 12:
            number += 1
            instances[free] = number
    return instances


def _paint(instances: np.ndarray, low: float, high: float, generator: np.random.Generator) -> np.ndarray:
    """Return the brightness of the nuclei, one level each, with chromatin texture and the blur of optics; 0 outside."""
    levels = np.concatenate([[0.0], generator.uniform(low, high, int(instances.max()))])
    texture = 1 + 0.15 * smooth_field(instances.shape, 1.5, generator)
    return gaussian_filter(levels[instances] * texture, generator.uniform(0.7, 1.3))


def _debris(size: int, generator: np.random.Generator) -> np.ndarray:
    """Return small bright specks and large hazy patches that are not nuclei, about 0 to 1."""
    specks = np.zeros((size, size))
    for _ in range(generator.integers(3, 9)):
        specks[tuple(generator.integers(0, size, 2))] = generator.uniform(6, 16)
    patches = np.clip(smooth_field((size, size), size / 12, generator) - 0.6, 0, None)
    return gaussian_filter(specks, 1.2) + 0.35 * patches


def _light(size: int, strength: float, generator: np.random.Generator) -> np.ndarray:
    """Return uneven illumination around 1."""
    return np.clip(1 + strength * smooth_field((size, size), size / 3, generator), 0.25, 2)


def render(instances: np.ndarray, stain: str, generator: np.random.Generator) -> np.ndarray:
    """Return a picture of the nuclei.

    Args:
        instances: map of nuclei (height, width), 0 outside.
        stain: ``fluorescence``, ``brightfield`` or ``purple``.
        generator: source of brightness, texture, debris, light and noise.

    Returns:
        (height, width, 3), uint8; grey, except for ``purple``.
    """
    size = instances.shape[0]
    if stain == "purple":
        stroma = np.clip(0.55 + 0.28 * smooth_field((size, size), 4, generator), 0, 1)[..., None]
        density = np.clip(_paint(instances, 0.35, 1.0, generator) + 0.35 * _debris(size, generator), 0, 1)[..., None]
        picture = (1 - stroma) * GLASS + stroma * EOSIN
        picture = ((1 - density) * picture + density * HEMATOXYLIN) * _light(size, 0.08, generator)[..., None]
    elif stain == "brightfield":
        shade = _paint(instances, 0.15, 0.5, generator) + 0.25 * _debris(size, generator)
        picture = (0.85 * _light(size, 0.12, generator) * (1 - shade))[..., None].repeat(3, axis=2)
    elif stain == "fluorescence":
        glow = _paint(instances, 0.18, 0.8, generator) + 0.7 * _debris(size, generator) + 0.12
        picture = (0.6 * glow * _light(size, 0.4, generator))[..., None].repeat(3, axis=2)
    else:
        raise ValueError(f"stain is {stain!r}: use fluorescence, brightfield or purple.")
    noise = generator.normal(0, 0.025, picture.shape if stain == "purple" else (*picture.shape[:2], 1))
    return np.round(255 * np.clip(picture + noise, 0, 1)).astype(np.uint8)


def nuclei_picture(size: int, stain: str, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return an artificial microscopy image and its instance map.

    Args:
        size: height and width in pixels.
        stain: ``fluorescence``, ``brightfield`` or ``purple``.
        generator: the only source of randomness.

    Returns:
        The picture (size, size, 3), uint8, and the instance map (size, size), int32: 0 outside, nuclei from 1 on.
    """
    instances = draw_instances(size, generator)
    return render(instances, stain, generator), instances
