"""Describes a microscopy image: its stain, and features that tell whether two images show the same scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tqdm import tqdm

from monai_lwmisn.errors import DataError
from monai_lwmisn.light.pictures import decode_picture

# The mean difference between the largest and the smallest colour channel is exactly 0 in the grey images of the Data
# Science Bowl and above 10 in its stained ones, so any limit between the two separates them.
COLORED_ABOVE = 5.0
BRIGHT_ABOVE = 127.0
THUMBNAIL = 16
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class PictureContent:
    """Holds what grouping and stratifying need to know of one picture.

    Attributes:
        size: height and width in pixels.
        stain: ``fluorescence``, ``brightfield`` or ``purple``.
        thumbnail: grey values averaged to 16x16.
        borders: grey values of the two outermost lines of the top, bottom, left and right border, outermost first;
            float32 (2, length of the border).
    """

    size: tuple[int, int]
    stain: str
    thumbnail: np.ndarray
    borders: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def classify_stain(picture: np.ndarray) -> str:
    """Return the stain of a picture.

    A picture in colour is ``purple`` (histology). A grey one is ``brightfield`` if its background is bright, otherwise
    ``fluorescence``.

    Args:
        picture: (height, width, 3), 0..255.
    """
    color = picture.max(axis=2).astype(np.float32) - picture.min(axis=2)
    if color.mean() > COLORED_ABOVE:
        return "purple"
    return "brightfield" if np.median(picture) > BRIGHT_ABOVE else "fluorescence"


def describe_picture(path: str) -> PictureContent:
    """Decode one picture, on disk or in a zip, and describe it.

    Raises:
        DataError: the file cannot be read as a picture.
    """
    picture = decode_picture(path)
    # Pictures of more than 8 bits must not be rounded. The weights are those of Pillow's own conversion.
    is_deep = picture.dtype != np.uint8
    grey_picture = Image.fromarray(picture @ _GREY) if is_deep else Image.fromarray(picture).convert("L")
    grey = np.asarray(grey_picture, dtype=np.float32)
    thumbnail = np.asarray(grey_picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX), dtype=np.float32)
    borders = (grey[:2], grey[:-3:-1], grey.T[:2], grey.T[:-3:-1])
    # Views would keep the whole picture in memory, so the borders are copied.
    top, bottom, left, right = (border.copy() for border in borders)
    return PictureContent(grey.shape, classify_stain(picture), thumbnail, (top, bottom, left, right))


def describe_pictures(paths: Sequence[str]) -> tuple[dict[str, PictureContent], list[str]]:
    """Describe many pictures; a picture that cannot be read becomes a sentence in the list of problems."""
    pictures: dict[str, PictureContent] = {}
    problems: list[str] = []
    for path in tqdm(paths, desc="Reading images", unit="image", disable=None, leave=False):
        try:
            pictures[path] = describe_picture(path)
        except DataError as error:
            problems.append(str(error))
    return pictures, problems
