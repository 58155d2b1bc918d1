"""MONAI image readers for what MONAI does not read itself: zip members, folders of masks, mask slices beside DICOM.

All follow MONAI's axis convention for pictures: the first spatial axis is x (width), the second y (height).
They are named by dotted path in the configuration, ``LoadImaged(reader="monai_lwmisn.data.readers.NAME")``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from monai.data import ImageReader
from monai.utils import ensure_tuple, optional_import
from PIL import Image

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.archives import list_files, open_bytes
from monai_lwmisn.inference.pictures import decode_picture

connected_regions, _ = optional_import("scipy.ndimage", name="label")

MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
PICTURE_SUFFIXES = (*MASK_SUFFIXES, ".jpg", ".jpeg")


class ColorPictureReader(ImageReader):
    """Reads PNG, TIFF, JPEG or BMP, on disk or in a zip, as three channels; grey is replicated, alpha is dropped.

    Values are 0..255, those of pictures of more than 8 bits as float32, see :func:`decode_picture`. The channels of
    several pictures are stacked.
    """

    def verify_suffix(self, filename: Any) -> bool:
        """Whether the names end like a picture."""
        return all(str(name).lower().endswith(PICTURE_SUFFIXES) for name in ensure_tuple(filename))

    def read(self, data: Any, **kwargs: Any) -> list[str]:
        """The paths themselves.

        Where reading fails, MONAI's LoadImage tries its other readers and hides the reason. So pictures are decoded by
        :meth:`get_data`, whose errors it leaves.
        """
        return [str(name) for name in ensure_tuple(data)]

    def get_data(self, img: Sequence[str]) -> tuple[np.ndarray, dict]:
        """The pictures as (width, height, channels), and their metadata.

        Raises:
            DataError: a file is no readable picture, or the pictures of a list differ in size.
        """
        pictures = [decode_picture(name).swapaxes(0, 1) for name in img]
        for name, picture in zip(img, pictures, strict=True):
            if picture.shape != pictures[0].shape:
                raise DataError(f"The image {name} differs in size from the images beside it; replace it.")
        values = np.concatenate(pictures, axis=-1) if len(pictures) > 1 else pictures[0]
        return values, {"spatial_shape": np.asarray(values.shape[:2]), "original_channel_dim": -1}


class NucleusMaskReader(ImageReader):
    """Composes one label picture from a folder of masks with one nucleus each, on disk or in a zip.

    A single file is read as a finished label: 0 is background.

    Args:
        instances: False gives the classes 0 and 1, True numbers the nuclei 1, 2, ... in file-name order.
            Where masks overlap, the nucleus read first keeps the pixel. A finished label with one value only, such as
            0 and 255, is a mask, of which the connected regions are numbered.
    """

    def __init__(self, instances: bool = False) -> None:
        super().__init__()
        self.instances = instances

    def verify_suffix(self, filename: Any) -> bool:
        """Any path is tried: folders have no suffix."""
        return True

    def read(self, data: Any, **kwargs: Any) -> list[np.ndarray]:
        """Read every mask of one label as a boolean array (height, width); a finished label as integers.

        Raises:
            DataError: the folder has no masks, or masks of one image differ in size.
        """
        name = str(ensure_tuple(data)[0])
        if name.lower().endswith(MASK_SUFFIXES):
            return [np.asarray(Image.open(open_bytes(name)))]
        files = [file for file in list_files(name) if file.lower().endswith(MASK_SUFFIXES)]
        if not files:
            raise DataError(f"The folder {name} has no mask files; add the masks of its image or remove the image.")
        masks: list[np.ndarray] = []
        for file in files:
            # Some masks of the Data Science Bowl are stored in colour: any channel but alpha counts.
            mask = np.asarray(Image.open(open_bytes(file)).convert("L")) > 0
            if masks and mask.shape != masks[0].shape:
                raise DataError(f"The mask {file} differs in size from the masks beside it; replace it.")
            masks.append(mask)
        return masks

    def get_data(self, img: Sequence[np.ndarray]) -> tuple[np.ndarray, dict]:
        """Compose the label (width, height) and its metadata."""
        label: np.ndarray
        if len(img) == 1 and img[0].dtype != bool:
            label = img[0] if img[0].ndim == 2 else img[0][..., 0]
            label = _numbered(label) if self.instances else (label > 0).astype(np.uint8)
        elif not self.instances:
            label = np.logical_or.reduce(img).astype(np.uint8)
        else:
            label = np.zeros(img[0].shape, dtype=np.int32)
            for number, mask in enumerate(img, start=1):
                label[mask & (label == 0)] = number
        label = label.T
        return label, {"spatial_shape": np.asarray(label.shape), "original_channel_dim": float("nan")}


def _numbered(label: np.ndarray) -> np.ndarray:
    return label if len(np.unique(label[label > 0])) > 1 else connected_regions(label > 0)[0]


class MaskSeriesReader(ImageReader):
    """Stacks a list of mask pictures to one label volume (x, y, z); any value above 0 is class 1."""

    def verify_suffix(self, filename: Any) -> bool:
        """Whether all names end like a picture."""
        return all(str(name).lower().endswith(MASK_SUFFIXES) for name in ensure_tuple(filename))

    def read(self, data: Any, **kwargs: Any) -> list[np.ndarray]:
        """Decode the masks in the order given.

        Raises:
            DataError: the masks differ in size.
        """
        names = ensure_tuple(data)
        masks = [np.asarray(Image.open(open_bytes(name)).convert("L")) > 0 for name in names]
        for name, mask in zip(names, masks, strict=True):
            if mask.shape != masks[0].shape:
                raise DataError(f"The mask {name} differs in size from the masks beside it; replace it.")
        return masks

    def get_data(self, img: Sequence[np.ndarray]) -> tuple[np.ndarray, dict]:
        """Stack the masks along the last axis."""
        label = np.stack([mask.T for mask in img], axis=-1).astype(np.uint8)
        return label, {"spatial_shape": np.asarray(label.shape), "original_channel_dim": float("nan")}
