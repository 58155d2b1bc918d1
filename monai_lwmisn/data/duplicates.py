"""Groups images that show the same scene: near-duplicates, and tiles cut from one field of view.

Many images of the Data Science Bowl are neighbouring tiles of a larger image. Such tiles are not independent samples,
so a split must keep them together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from monai_lwmisn.data.picture_content import PictureContent

# The three limits were chosen on the Data Science Bowl, where they separate pairs of tiles clearly from other pairs.
DUPLICATE_CORRELATION = 0.95
BORDER_CORRELATION = 0.75
BORDER_STEP = 1.2


def _normalize_rows(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6)


def _structure(lines: np.ndarray) -> np.ndarray:
    """Return the detail of 1 to 8 pixels: finer is noise, coarser is uneven light, which unrelated images share."""
    return _normalize_rows(gaussian_filter1d(lines, 1, axis=1) - gaussian_filter1d(lines, 8, axis=1))


def _continues(ends: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return which pictures (rows) continue in which others (columns), as a boolean array (n, n).

    Args:
        ends: the two outermost lines of the side where the pictures end, outermost first (n, 2, length).
        starts: the same for the side where the others start.

    Two borders fit when they show the same structure and the step across is no larger than the steps beside it.
    """
    correlation = _structure(ends[:, 0]) @ _structure(starts[:, 0]).T
    across = cdist(ends[:, 0], starts[:, 0], "cityblock") / ends.shape[2]
    beside_end = np.abs(ends[:, 0] - ends[:, 1]).mean(axis=1)
    beside_start = np.abs(starts[:, 0] - starts[:, 1]).mean(axis=1)
    beside = (beside_end[:, None] + beside_start[None]) / 2
    # A quarter of a grey value allows for rounding in flat pictures.
    return (correlation > BORDER_CORRELATION) & (across < BORDER_STEP * (beside + 0.25))


def _same_scene(pictures: Sequence[PictureContent]) -> np.ndarray:
    """Return which pictures of one size and stain show the same scene, as a boolean array (n, n)."""
    thumbnails = _normalize_rows(np.stack([picture.thumbnail.ravel() for picture in pictures]))
    same = thumbnails @ thumbnails.T > DUPLICATE_CORRELATION
    top, bottom, left, right = (np.stack([picture.borders[side] for picture in pictures]) for side in range(4))
    return same | _continues(bottom, top) | _continues(right, left)


def group_pictures(pictures: Sequence[PictureContent]) -> list[int]:
    """Return for each picture the index of the first picture of its group.

    Pictures of the same size and stain belong together if their thumbnails correlate (near-duplicates), or if one
    continues where the other ends (neighbouring tiles).
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
