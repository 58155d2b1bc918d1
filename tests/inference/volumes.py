"""Volumes made in tests."""

from pathlib import Path

import nibabel
import numpy as np


def volume(seed: int = 0, shape: tuple[int, ...] = (21, 17, 6)) -> np.ndarray:
    smooth = np.random.default_rng(seed).normal(size=shape).cumsum(0).cumsum(1)
    return (100 * smooth / np.abs(smooth).max()).astype(np.float32)


def save(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


AFFINE = np.diag([0.7, 0.8, 3.0, 1.0])
"""Towards right, anterior, superior."""
