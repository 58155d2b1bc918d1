"""Pictures of any depth as three channels from 0 to 255."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import SAMPLESPERPIXEL, TiffImageFile

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.archives import open_bytes

DEEP_MODES = ("I", "F")
"""How the names of Pillow's modes of more than 8 bits begin: ``I;16``, ``I;16B``, ``I`` and ``F``, all grey."""

MOST_CHANNELS = 4
"""Red, green, blue and alpha, or a print's four inks."""

# Pillow's decoders raise what they stumble over: a header that is cut short is a struct.error.
UNREADABLE = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)


def decode_picture(path: str) -> np.ndarray:
    """Decode one picture, on disk or in a zip, as (height, width, 3); grey is replicated, alpha is dropped.

    Returns:
        uint8 as stored, or of pictures of more than 8 bits float32 from 0 to 255, not rounded.

    Raises:
        DataError: the file is no readable picture, or a TIFF of several pages or more than four channels.
    """
    try:
        with Image.open(open_bytes(path)) as file:
            pages = getattr(file, "n_frames", 1) if file.format == "TIFF" else 1
            if pages > 1:
                raise DataError(f"The image {path} has {pages} pages: save the one that is meant as a file of its own.")
            channels = file.tag_v2.get(SAMPLESPERPIXEL, 1) if isinstance(file, TiffImageFile) else 1
            if channels > MOST_CHANNELS:  # of which Pillow would show the first ones
                raise DataError(f"The image {path} has {channels} channels: save it in colour (RGB) or grey.")
            if not file.mode.startswith(DEEP_MODES):
                return np.asarray(file.convert("RGB"))
            grey = np.asarray(file, dtype=np.float32)
    except UNREADABLE as error:
        if isinstance(error, UnidentifiedImageError):  # whose own sentence says where in memory it looked
            raise DataError(f"{path} is no picture in a known format: download it again, or remove it.") from error
        raise DataError(f"The image {path} cannot be read ({error}); download it again or remove it.") from error
    scaled = _scale(grey, is_float=file.mode == "F")
    return np.repeat(scaled[..., None], 3, axis=2)


def _scale(grey: np.ndarray, is_float: bool) -> np.ndarray:
    """Bring grey values to 0..255.

    The picture's own maximum becomes 255, not the largest value of its type: cameras of 10 to 14 bits, stored with 16,
    would be all but black. Whole numbers up to 255 are a picture of 8 bits in a deeper file, and stay.
    """
    low, high = min(float(grey.min()), 0.0), max(float(grey.max()), 0.0)
    if low == high or (low == 0 and high <= 255 and not is_float):
        return grey
    # Values that are no numbers stay such, for the check of the data to find.
    with np.errstate(invalid="ignore"):
        return (grey - np.float32(low)) * np.float32(255 / (high - low))
