"""Makes three channels from 0 to 255 of pictures of any depth. Needs numpy and Pillow, neither torch nor MONAI."""

from __future__ import annotations

import os
import struct

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import SAMPLESPERPIXEL, TiffImageFile

from monai_lwmisn.errors import DataError, reason_of
from monai_lwmisn.inference.archives import open_bytes

MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
PICTURE_SUFFIXES = (*MASK_SUFFIXES, ".jpg", ".jpeg")

DEEP_MODES = ("I", "F")
"""Beginnings of the names of Pillow's modes of more than 8 bits: ``I;16``, ``I;16B``, ``I`` and ``F``. All are grey."""

MOST_CHANNELS = 4
"""Red, green, blue and alpha, or the four inks of a print."""

LARGEST_PIXELS = 2**28
"""The most pixels of a picture, 268 million: a segmentation of it takes about 16 GB of memory."""

# Pillow's own limit is for thumbnails of the web; it is lower, and warns.
Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS

# Pillow's decoders raise whatever they meet: a header that is cut short is a struct.error.
UNREADABLE = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)

__all__ = ["MASK_SUFFIXES", "PICTURE_SUFFIXES", "convert_picture", "decode_picture"]


def decode_picture(path: str | os.PathLike[str]) -> np.ndarray:
    """Decode one picture, on disk or in a zip, as (height, width, 3). Grey is replicated, alpha is dropped.

    Returns:
        uint8 as stored. Pictures of more than 8 bits become float32 from 0 to 255, not rounded.

    Raises:
        DataError: the file is no readable picture, or a TIFF of several pages or more than four channels.
    """
    try:
        with Image.open(open_bytes(path)) as file:
            if file.width * file.height > LARGEST_PIXELS:
                raise Image.DecompressionBombError
            pages = getattr(file, "n_frames", 1) if file.format == "TIFF" else 1
            if pages > 1:
                raise DataError(f"The image {path} has {pages} pages: save the one that is meant as a file of its own.")
            channels = file.tag_v2.get(SAMPLESPERPIXEL, 1) if isinstance(file, TiffImageFile) else 1
            if channels > MOST_CHANNELS:  # Pillow would show the first ones
                raise DataError(f"The image {path} has {channels} channels: save it in colour (RGB) or grey.")
            if not file.mode.startswith(DEEP_MODES):
                return np.asarray(file.convert("RGB"))
            grey = np.asarray(file, dtype=np.float32)
    except UNREADABLE as error:
        if isinstance(error, UnidentifiedImageError):  # its message names an object in memory
            raise DataError(
                f"{path} is damaged, or no PNG, TIFF, JPEG or BMP: download it again, or use a network of volumes if "
                "it is a volume."
            ) from error
        if isinstance(error, Image.DecompressionBombError):
            most = LARGEST_PIXELS // 10**6
            raise DataError(f"The image {path} has more than {most} million pixels: cut it into tiles.") from error
        raise DataError(
            f"The image {path} cannot be read ({reason_of(error)}): download it again or remove it."
        ) from error
    return _replicate(_scale(grey, is_float=file.mode == "F"))


def convert_picture(picture: np.ndarray, name: str = "The picture") -> np.ndarray:
    """The picture as :func:`decode_picture` would give it, had it been read from a file.

    Args:
        picture: (height, width) grey of any type, or (height, width, 1, 3 or 4) of whole numbers.
        name: of the picture, for messages.

    Raises:
        DataError: another shape, or colours whose type does not say what white is.
    """
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[..., 0]
    if picture.ndim == 2:
        if picture.dtype == bool:
            return _replicate(picture.astype(np.uint8) * np.uint8(255))
        if picture.dtype == np.uint8:
            return _replicate(picture)
        return _replicate(_scale(picture.astype(np.float32), is_float=picture.dtype.kind == "f"))
    if picture.ndim != 3 or picture.shape[2] not in (3, 4):
        shape = "x".join(map(str, picture.shape))
        raise DataError(f"{name} has the shape {shape}: give (height, width), grey, or (height, width, 3), colours.")
    if picture.dtype.kind not in "ui":
        raise DataError(f"{name} has colours of the type {picture.dtype}: give 8 or 16 bits a colour, or make it grey.")
    colours = picture[..., :3]
    if picture.dtype == np.uint8:
        return colours
    return (colours / (np.iinfo(picture.dtype).max / 255)).astype(np.uint8)


def _replicate(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def _scale(grey: np.ndarray, is_float: bool) -> np.ndarray:
    """Bring grey values to 0..255.

    The picture's own maximum becomes 255, not the largest value of its type: pictures of cameras of 10 to 14 bits,
    stored with 16, would be nearly black. Whole numbers up to 255 are a picture of 8 bits in a deeper file, and stay.
    """
    low, high = min(float(grey.min()), 0.0), max(float(grey.max()), 0.0)
    if low == high or (low == 0 and high <= 255 and not is_float):
        return grey
    # Values that are not finite stay so, for the check of the image to find.
    with np.errstate(invalid="ignore"):
        return (grey - np.float32(low)) * np.float32(255 / (high - low))
