"""Marks masks with a checksum of their values, so that one that somebody drew or corrected is not written over.

Needs numpy and the library of the format, neither torch nor MONAI.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

KEY = "Software"
"""The field of PNG, NRRD and MetaImage that holds the mark."""

__all__ = ["KEY", "content_of_report", "is_own_mask", "mark_of", "own_source", "source_of"]


def source_of(image: str | os.PathLike[str], series: str | None = None) -> str:
    """Return what a mark says of the input: a checksum of its place, and of the DICOM series that was asked for."""
    return f"{zlib.crc32(f'{Path(image).absolute()} {series}'.encode()):08x}"


def mark_of(values: np.ndarray, source: str = "") -> str:
    """Return the mark of the values that a file stores, and of the input that they belong to, see :func:`source_of`."""
    mark = f"monai_lwmisn {zlib.crc32(np.ascontiguousarray(values, '<u4').data):08x}"
    return f"{mark} of {source}" if source else mark


def content_of_report(dataset: Any) -> np.ndarray:
    """Return all that a DICOM structured report says but its mark, as bytes (n,) uint8; of one that was read."""
    elements = dataset.to_json_dict()
    elements.pop("00181020", None)  # Software Versions, which has the mark
    return np.frombuffer(json.dumps(elements, sort_keys=True).encode(), np.uint8)


def is_own_mask(path: Path) -> bool:
    """Return whether a file is a mask, or a report of one, that this package wrote, and nobody changed since."""
    return own_source(path) is not None


def own_source(path: Path) -> str | None:
    """Return the input that a mask belongs to, see :func:`source_of`; empty where the mask does not say it.

    Returns:
        None where the file is no mask of this package, or was changed since.
    """
    try:
        mark, values = _stored(path)
    except Exception:  # each library raises its own for what is no mask
        return None
    own, _, source = mark.partition(" of ")
    return source if own == mark_of(values) else None


def _stored(path: Path) -> tuple[str, np.ndarray]:
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        import nibabel

        image: Any = nibabel.load(path)
        return image.header["descrip"].item().decode(), np.asarray(image.dataobj)
    if name.endswith((".nrrd", ".mha")):
        import itk

        volume = itk.imread(str(path))
        return dict(volume)[KEY], itk.array_from_image(volume).T
    if name.endswith(".dcm"):
        import pydicom

        dataset = pydicom.dcmread(path)
        if "PixelData" not in dataset:
            return dataset.SoftwareVersions[-1], content_of_report(dataset)
        return dataset.SoftwareVersions[-1], np.frombuffer(dataset.PixelData, np.uint8)
    if name.endswith(".tif"):
        import tifffile

        with tifffile.TiffFile(path) as file:
            return file.pages.first.software, file.asarray()
    from PIL import Image

    with Image.open(path, formats=("PNG",)) as picture:
        return picture.info[KEY], np.asarray(picture)
