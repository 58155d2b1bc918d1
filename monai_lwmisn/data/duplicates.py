"""Images that show the same thing: near-duplicates and tiles cut from one field of view.

Many images of the Data Science Bowl are tiles of a larger one. Such tiles are no independent samples, so a split
must keep them together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse.csgraph import connected_components

from monai_lwmisn.data.stains import PictureContent

DUPLICATE_CORRELATION = 0.95
BORDER_CORRELATION = 0.95


def _normalize_rows(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6)


def _same_scene(pictures: Sequence[PictureContent]) -> np.ndarray:
    """Which pictures of one size and stain show the same scene: boolean (n, n)."""
    thumbnails = _normalize_rows(np.stack([picture.thumbnail.ravel() for picture in pictures]))
    same = thumbnails @ thumbnails.T > DUPLICATE_CORRELATION
    for last, first in ((1, 0), (3, 2)):  # bottom meets top, right meets left
        ends = np.stack([picture.borders[last] for picture in pictures])
        starts = np.stack([picture.borders[first] for picture in pictures])
        same |= _normalize_rows(ends) @ _normalize_rows(starts).T > BORDER_CORRELATION
    return same


def group_pictures(pictures: Sequence[PictureContent]) -> list[int]:
    """For each picture the index of the first picture of its group.

    Pictures of the same size and stain belong together when their thumbnails correlate (near-duplicates) or when one
    goes on where the other ends (neighbouring tiles).
    """
    same = np.zeros((len(pictures), len(pictures)), dtype=bool)
    kinds: dict[tuple, list[int]] = {}
    for index, picture in enumerate(pictures):
        kinds.setdefault((picture.size, picture.stain), []).append(index)
    for members in kinds.values():
        same[np.ix_(members, members)] = _same_scene([pictures[index] for index in members])
    labels = connected_components(same, directed=False)[1] if len(pictures) else np.zeros(0, dtype=int)
    first_of_group: dict[int, int] = {}
    return [first_of_group.setdefault(int(label), index) for index, label in enumerate(labels)]
