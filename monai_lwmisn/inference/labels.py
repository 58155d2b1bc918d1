"""Reads labels of any kind as arrays. Needs numpy, Pillow, SciPy and what volumes need, neither torch nor MONAI."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from monai_lwmisn.errors import DataError, reason_of
from monai_lwmisn.inference.archives import list_files, open_bytes
from monai_lwmisn.inference.pictures import MASK_SUFFIXES, PICTURE_SUFFIXES
from monai_lwmisn.inference.volumes import VOLUME_SUFFIXES, read_volume

__all__ = ["read_label"]


def read_label(
    paths: Sequence[str], single_class: bool = False, instances: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read one label: a volume, a picture, a list of pictures with one slice each, or a folder of objects.

    A folder, on disk or in a zip, holds pictures with the mask of one object each.

    Args:
        paths: one path, or those of the slices in their order.
        single_class: make every value above 0 of pictures the class 1; otherwise values stay. Volumes and objects are
            not affected: values of volumes stay, and objects are of the class 1.
        instances: number the objects 1, 2, ... instead. Those of a folder are numbered in file-name order, and where
            they overlap, the first keeps the pixel. A picture with one value besides 0 is a mask, of which the
            connected regions are numbered.

    Returns:
        The label (x, y) or (x, y, z), and the affine of a volume (see :func:`read_volume`); pictures have none.

    Raises:
        DataError: a file cannot be read or is no label, a folder has no masks, or pictures differ in size.
    """
    if len(paths) > 1:
        masks = _read_masks(paths) if single_class else [_values(path) for path in paths]
        _check_sizes(paths, masks)
        return np.stack([mask.T for mask in masks], axis=-1).astype(masks[0].dtype), None
    (path,) = paths
    if path.lower().endswith(VOLUME_SUFFIXES):
        return read_volume(path)
    if path.lower().endswith(MASK_SUFFIXES):
        label = _values(path)
        if instances:
            return _number_regions(label).T, None
        return ((label > 0).astype(np.uint8) if single_class or label.dtype == bool else label).T, None
    if path.lower().endswith(PICTURE_SUFFIXES):
        raise DataError(f"The label {path} is a JPEG, which does not keep values: save it as PNG.")
    return _read_objects(path, instances).T, None


def _read_objects(folder: str, instances: bool) -> np.ndarray:
    files = [file for file in list_files(folder) if file.lower().endswith(MASK_SUFFIXES)]
    if not files:
        raise DataError(f"The folder {folder} has no mask files; add the masks of its image or remove the image.")
    masks = _read_masks(files)
    _check_sizes(files, masks)
    if not instances:
        return np.logical_or.reduce(masks).astype(np.uint8)
    label = np.zeros(masks[0].shape, dtype=np.int32)
    for number, mask in enumerate(masks, start=1):
        label[(mask > 0) & (label == 0)] = number
    return label


def _read_masks(paths: Sequence[str]) -> list[np.ndarray]:
    """Masks (height, width) of 0 and 1; in colour any channel but alpha counts."""
    return [(_decode(path, "L") > 0).astype(np.uint8) for path in paths]


def _values(path: str) -> np.ndarray:
    """The values (height, width) as stored, in colour those of the first channel."""
    label = _decode(path)
    return label if label.ndim == 2 else label[..., 0]


def _decode(path: str, mode: str | None = None) -> np.ndarray:
    try:
        with Image.open(open_bytes(path)) as file:
            return np.asarray(file.convert(mode) if mode else file)
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever they meet
        raise DataError(
            f"The label {path} cannot be read ({reason_of(error)}): download it again or remove it."
        ) from error


def _check_sizes(paths: Sequence[str], masks: Sequence[np.ndarray]) -> None:
    for path, mask in zip(paths, masks, strict=True):
        if mask.shape != masks[0].shape:
            raise DataError(f"The mask {path} differs in size from the masks beside it; replace it.")


def _number_regions(label: np.ndarray) -> np.ndarray:
    if len(np.unique(label[label > 0])) > 1:
        return label
    from scipy.ndimage import label as connected_regions

    return connected_regions(label > 0)[0]
