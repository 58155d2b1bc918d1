"""What is seen in a microscopy image itself: its stain, and what tells whether two images show the same scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tqdm import tqdm

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.pictures import decode_picture

# Mean difference between the largest and the smallest colour channel. The grey images of the Data Science Bowl have
# exactly 0 and its stained ones more than 10, so any value between separates them.
COLORED_ABOVE = 5.0
BRIGHT_ABOVE = 127.0
THUMBNAIL = 16


@dataclass(frozen=True)
class PictureContent:
    """What grouping and stratifying need to know of one picture.

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
    """Name the stain of a picture: colour means a purple (histology) stain, else a bright background means brightfield.

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
        DataError: the file is no readable picture.
    """
    picture = decode_picture(path)
    # Pictures of more than 8 bits are grey; their one channel is not rounded.
    is_deep = picture.dtype != np.uint8
    grey_picture = Image.fromarray(picture[..., 0]) if is_deep else Image.fromarray(picture).convert("L")
    grey = np.asarray(grey_picture, dtype=np.float32)
    thumbnail = np.asarray(grey_picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX), dtype=np.float32)
    borders = (grey[:2], grey[:-3:-1], grey.T[:2], grey.T[:-3:-1])
    # Copies, so that the picture itself is not kept in memory.
    top, bottom, left, right = (border.copy() for border in borders)
    return PictureContent(grey.shape, classify_stain(picture), thumbnail, (top, bottom, left, right))


def describe_pictures(paths: Sequence[str]) -> tuple[dict[str, PictureContent], list[str]]:
    """Describe many pictures; those that cannot be read are left out and named in the list of problems."""
    pictures: dict[str, PictureContent] = {}
    problems: list[str] = []
    for path in tqdm(paths, desc="Looking at images", unit="image", disable=None, leave=False):
        try:
            pictures[path] = describe_picture(path)
        except DataError as error:
            problems.append(str(error))
    return pictures, problems
