"""Makes three channels from 0 to 255 of pictures of any depth. Needs what picture files need: no torch, no MONAI."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

import numpy as np

from .errors import DataError, InputWarning
from .picture_files import FilePicture, read_picture_file

MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
PICTURE_SUFFIXES = (*MASK_SUFFIXES, ".jpg", ".jpeg", ".jpe", ".jfif")
LABEL_SUFFIXES = (*PICTURE_SUFFIXES, ".gif")
"""Endings of labels that are pictures; some older data sets have GIF."""

ZARR_SUFFIXES = (".ome.zarr", ".zarr")
OME_SUFFIXES = (".ome.tif", ".ome.tiff")

__all__ = [
    "LABEL_SUFFIXES",
    "MASK_SUFFIXES",
    "OME_SUFFIXES",
    "PICTURE_SUFFIXES",
    "ZARR_SUFFIXES",
    "bring_to_range",
    "colours_of",
    "convert_picture",
    "decode_picture",
    "decode_pictures",
    "range_of",
    "stored_values",
]


def decode_picture(path: str | os.PathLike[str]) -> np.ndarray:
    """Decode one picture, on disk or in a zip, as (height, width, 3). Grey is replicated.

    Returns:
        uint8 as stored. Pictures of more than 8 bits become float32 from 0 to 255, not rounded. 255 is the white that
        the file names, otherwise the largest value of all channels.

    Raises:
        DataError: see :func:`.picture_files.read_picture_file`.
    """
    return _three_channels(read_picture_file(path), str(path))


def decode_pictures(paths: Sequence[str]) -> np.ndarray:
    """Decode the pictures of one image, see :func:`decode_picture`, as (height, width, channel).

    Raises:
        DataError: a file is no readable picture, or they differ in size.
    """
    pictures = [decode_picture(path) for path in paths]
    for path, picture in zip(paths, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            raise DataError(f"The image {path} differs in size from the images beside it; replace it.")
    return pictures[0] if len(pictures) == 1 else np.concatenate(pictures, axis=-1)


def stored_values(path: str | os.PathLike[str]) -> np.ndarray:
    """The values in a picture file, not brought to another range: (height, width, 1) grey, (height, width, 3) colours.

    Raises:
        DataError: see :func:`.picture_files.read_picture_file`.
    """
    return colours_of(read_picture_file(path), str(path))


def convert_picture(picture: np.ndarray, name: str = "The picture") -> np.ndarray:
    """The picture as :func:`decode_picture` would give it, had it been read from a file.

    Args:
        picture: (height, width) grey, or (height, width, 1, 3 or 4): grey, colours, colours with alpha.
        name: of the picture, for messages.

    Raises:
        DataError: another shape, or values that are no real numbers.
    """
    values = picture[..., None] if picture.ndim == 2 else picture
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4):
        shape = "x".join(map(str, picture.shape))
        raise DataError(f"{name} has the shape {shape}: give (height, width), grey, or (height, width, 3), colours.")
    if values.dtype.kind not in "buif":
        raise DataError(f"{name} has values of the type {values.dtype}: give whole or real numbers.")
    alpha = values[..., 3] if values.shape[2] == 4 and np.ptp(values[..., 3]) > 0 else None
    return _three_channels(FilePicture(values[..., :3], alpha=alpha), name)


def _three_channels(picture: FilePicture, name: str) -> np.ndarray:
    if picture.alpha is not None:
        warnings.warn(
            f"{name} has transparent parts: their own colour is taken, whatever a viewer shows there.",
            InputWarning,
            stacklevel=3,
        )
    values = colours_of(picture, name)
    if values.dtype == bool:
        values = values.astype(np.uint8) * np.uint8(255)
    elif values.dtype != np.uint8:
        ends = range_of(float(values.min()), float(values.max()), values.dtype.kind, picture.white)
        values = bring_to_range(values, ends)
    return np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values


def colours_of(picture: FilePicture, name: str) -> np.ndarray:
    """Return the values of a picture, with the colours of a palette in the place of their indices.

    Raises:
        DataError: an index has no colour.
    """
    if picture.palette is None:
        return picture.values
    if picture.values.max() >= len(picture.palette):
        highest = picture.values.max()
        raise DataError(f"The image {name} has no colour for the value {highest}: save it in colour (RGB).")
    return picture.palette[picture.values[..., 0]]


def range_of(low: float, high: float, kind: str, white: float | None) -> tuple[float, float] | None:
    """Return the values of a picture that become 0 and 255, all channels alike; None where its values stay.

    Where the file does not say what is white, its own maximum becomes 255, not the largest value of its type: pictures
    of cameras of 10 to 14 bits, stored with 16, would be nearly black. Whole numbers up to 255 are then a picture of 8
    bits in a deeper file, and stay.

    Args:
        low: the least value.
        high: the largest.
        kind: the letter of the type, as numpy has it.
        white: what the file says.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if white is not None and white >= high:  # a smaller one is no white
        return low, white
    return None if low == high or (low == 0 and high <= 255 and kind != "f") else (low, high)


def bring_to_range(values: np.ndarray, ends: tuple[float, float] | None) -> np.ndarray:
    """Bring values, float32, to 0..255 from the range between two ends, see :func:`range_of`."""
    if ends is None:
        return values.astype(np.float32)
    low, high = ends
    # Values that are not finite stay so, for the check of the image to find.
    with np.errstate(invalid="ignore"):
        return ((values.astype(np.float64) - low) * (255 / (high - low))).astype(np.float32)
