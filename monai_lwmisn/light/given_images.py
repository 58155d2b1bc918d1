"""What a caller may give as an image: a path or an array. Needs numpy alone."""

from __future__ import annotations

import os

import numpy as np

from .errors import DataError

Image = np.ndarray | str | os.PathLike[str]

__all__ = ["Image", "name_of"]


def name_of(image: Image, name: str | None = None) -> str:
    """Return the name of an image for messages.

    Args:
        image: a path or an array.
        name: what the caller calls it.

    Raises:
        DataError: the image is something else.
    """
    if not isinstance(image, (np.ndarray, str, os.PathLike)):
        raise DataError(
            f"An image is a path or a numpy array, not of the type {type(image).__name__}: give its path, or its "
            "values (of a volume with its affine)."
        )
    return name or ("The image" if isinstance(image, np.ndarray) else str(image))
