"""Volumes as files, and as nodes of the scene read by Slicer's own storage."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer


def grey(shape: tuple[int, int, int] = (6, 17, 21), seed: int = 0) -> np.ndarray:
    """An array (k, j, i) that is not the same everywhere."""
    smooth = np.random.default_rng(seed).normal(size=shape).cumsum(1).cumsum(2)
    return (100 * smooth / np.abs(smooth).max()).astype(np.int16)


def rotation(seed: int) -> np.ndarray:
    """A right-handed rotation."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


DIRECTIONS = {
    "axial": np.eye(3),
    "oblique": rotation(3),
    "left-handed": np.linalg.qr(np.eye(3) + 0.1 * rotation(1))[0] * -1,
    "flipped": np.diag([-1.0, 1.0, -1.0]),
    "permuted": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
}


def image_of(voxels: np.ndarray, direction: np.ndarray | None = None) -> sitk.Image:
    """With a spacing and an origin that cannot be taken for others."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((0.7, 0.9, 2.5))
    image.SetOrigin((11.0, -22.0, 33.0))
    if direction is not None:
        image.SetDirection(np.ravel(direction))
    return image


def load(file: Path) -> Any:
    """A volume node of a file; of a DICOM series its first file."""
    node = slicer.modules.volumes.logic().AddArchetypeVolume(str(file), "Volume 1", 0)
    assert node is not None
    return node
