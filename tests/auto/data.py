"""Small data sets whose content is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image


def pictures(folder: Path, labels: Sequence[np.ndarray], images: Sequence[np.ndarray] | None = None) -> Path:
    """Write PNG in images/ and labels/; without images, noise that is brighter in the foreground."""
    generator = np.random.default_rng(0)
    for index, label in enumerate(labels):
        image = (label > 0) * 90 + generator.integers(0, 60, label.shape) if images is None else images[index]
        for kind, array in (("images", image), ("labels", label)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array.astype(np.uint8)).save(folder / kind / f"scan{chr(97 + index)}.png")
    return folder


def volumes(
    folder: Path, labels: Sequence[np.ndarray], images: Sequence[np.ndarray], spacing: Sequence[Sequence[float]]
) -> Path:
    """Write NIfTI in images/ and labels/ with axes towards right, anterior and superior."""
    for index, (label, image) in enumerate(zip(labels, images, strict=True)):
        affine = np.diag([*spacing[index], 1.0])
        for kind, array in (("images", image), ("labels", label.astype(np.uint8))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, affine), folder / kind / f"scan{chr(97 + index)}.nii.gz")
    return folder
