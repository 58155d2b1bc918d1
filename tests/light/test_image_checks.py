"""Remarks about images that a network was not made for."""

import numpy as np
import pytest

from monai_lwmisn.light.image_checks import check_image


def grey(channels: int = 3) -> np.ndarray:
    return np.repeat(np.random.default_rng(0).integers(0, 256, (1, 64, 64)), channels, axis=0).astype(np.float32)


def remarks(image: np.ndarray, modality: str) -> list[str]:
    return check_image(image, image.shape[0], modality, "it.png")


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_colours_are_named_where_there_are_none(modality: str) -> None:
    assert not remarks(grey(), modality) and not remarks(grey(1), modality)
    jpeg = (grey() + np.random.default_rng(1).uniform(-8, 8, (3, 64, 64))).clip(0, 255)
    assert not remarks(jpeg, modality)
    mark = grey()
    mark[:2, :5, :5] = 0  # 25 of 4096 pixels
    assert not remarks(mark, modality)
    stained = grey() * np.array([1.0, 0.6, 0.9], np.float32)[:, None, None]
    assert remarks(stained, modality) == [
        f"it.png has colours, and a slice of {modality} has none: see whether it is the right one."
    ]
    assert not remarks(stained, "microscopy")
