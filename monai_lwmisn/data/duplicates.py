"""Groups images that show the same scene: near-duplicates, and tiles cut from one field of view.

Many images of the Data Science Bowl are neighbouring tiles of a larger image. Such tiles are not independent samples,
so a split must keep them together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from monai_lwmisn.data.picture_content import PictureContent

# The three limits were chosen on the Data Science Bowl, where they separate pairs of tiles clearly from other pairs.
DUPLICATE_CORRELATION = 0.95
BORDER_CORRELATION = 0.75
BORDER_STEP = 1.2

OWN_BORDER_CORRELATION = 0.9
OWN_BORDER_CONTRAST = 2.0
"""The least correlation, and standard deviation in grey values, of borders in a user's own folder.

Slices of CT and MR have air at their borders, or the table of the scanner. With the limits above, 8,370 pairs of slices
of two patients would be tiles (8 lungs, 690 slices). Nine of ten pairs of tiles in the Data Science Bowl keep both.
"""

NEIGHBOUR_CORRELATION = 0.6
"""Pictures with neighbouring numbers belong together above it.

With it all 1,280 slices of 40 prostates (PROMISE12) are in 40 groups, two of which have two patients. Of pairs of two
patients, 1 % are above it among the middle slices of the prostates, and fewer among those of 200 hippocampi.
"""

BLOCK = 512
"""Pictures that are compared with all others at a time, which bounds the memory."""


def _normalize_rows(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6)


def _structure(lines: np.ndarray) -> np.ndarray:
    """Return the detail of 1 to 8 pixels: finer is noise, coarser is uneven light, which unrelated images share."""
    return _normalize_rows(gaussian_filter1d(lines, 1, axis=1) - gaussian_filter1d(lines, 8, axis=1))


def _continuing(
    ends: np.ndarray, starts: np.ndarray, least: float = BORDER_CORRELATION, contrast: float = 0.0
) -> np.ndarray:
    """Return the pairs (picture, picture that it continues in), as indices (pairs, 2).

    Args:
        ends: the two outermost lines of the side where the pictures end, outermost first (n, 2, length).
        starts: the same for the side where the others start.
        least, contrast: the least correlation of the two borders, and standard deviation of each.

    Two borders fit when they show the same structure and the step across is no larger than the steps beside it.
    """
    pairs = _correlated(_structure(ends[:, 0]), _structure(starts[:, 0]), least)
    before, after = ends[pairs[:, 0]], starts[pairs[:, 1]]
    across = np.abs(before[:, 0] - after[:, 0]).mean(axis=1)
    beside = (np.abs(before[:, 0] - before[:, 1]).mean(axis=1) + np.abs(after[:, 0] - after[:, 1]).mean(axis=1)) / 2
    # A quarter of a grey value allows for rounding in flat pictures.
    flattest = np.minimum(before[:, 0].std(axis=1), after[:, 0].std(axis=1))
    return pairs[(across < BORDER_STEP * (beside + 0.25)) & (flattest >= contrast)]


def _correlated(rows: np.ndarray, columns: np.ndarray, limit: float) -> np.ndarray:
    """Return the pairs (row, column) whose correlation is above a limit, as indices (pairs, 2)."""
    found = []
    for start in range(0, len(rows), BLOCK):
        pairs = np.argwhere(rows[start : start + BLOCK] @ columns.T > limit)
        found.append(pairs + (start, 0))
    return np.concatenate(found)


def _same_scene(pictures: Sequence[PictureContent]) -> np.ndarray:
    """Return the pairs of pictures of one size and stain that show the same scene, as indices (pairs, 2)."""
    thumbnails = _normalize_rows(np.stack([picture.thumbnail.ravel() for picture in pictures]))
    top, bottom, left, right = (np.stack([picture.borders[side] for picture in pictures]) for side in range(4))
    same = _correlated(thumbnails, thumbnails, DUPLICATE_CORRELATION)
    return np.concatenate([same, _continuing(bottom, top), _continuing(right, left)])


def _own_scene(pictures: Sequence[PictureContent], order: Sequence[tuple[str, int]]) -> np.ndarray:
    """Return the pairs of a user's own pictures that show the same scene, as indices (pairs, 2).

    Pictures of one organ are all alike, so what they have in common, their mean, is not counted.
    """
    thumbnails = np.stack([picture.thumbnail.ravel() for picture in pictures])
    whole, rest = _normalize_rows(thumbnails), _normalize_rows(thumbnails - thumbnails.mean(axis=0))
    top, bottom, left, right = (np.stack([picture.borders[side] for picture in pictures]) for side in range(4))

    def alike(pairs: np.ndarray, limit: float) -> np.ndarray:
        first, second = pairs.T
        correlations = [(rows[first] * rows[second]).sum(axis=1) for rows in (whole, rest)]
        return pairs[np.minimum(*correlations) > limit]

    numbered = sorted(range(len(order)), key=lambda index: order[index])
    neighbours = [
        (one, other)
        for step in (1, 2)
        for one, other in zip(numbered, numbered[step:], strict=False)
        if order[one][0] == order[other][0] and order[other][1] - order[one][1] <= 2
    ]
    return np.concatenate(
        [
            alike(np.array(neighbours, dtype=int).reshape(-1, 2), NEIGHBOUR_CORRELATION),
            alike(_correlated(whole, whole, DUPLICATE_CORRELATION), DUPLICATE_CORRELATION),
            _continuing(bottom, top, OWN_BORDER_CORRELATION, OWN_BORDER_CONTRAST),
            _continuing(right, left, OWN_BORDER_CORRELATION, OWN_BORDER_CONTRAST),
        ]
    )


def group_pictures(pictures: Sequence[PictureContent], order: Sequence[tuple[str, int]] | None = None) -> list[int]:
    """Return for each picture the index of the first picture of its group.

    Pictures of the same size belong together if their thumbnails correlate (near-duplicates), or if one continues where
    the other ends (neighbouring tiles). Without ``order`` they must also have the same stain.

    Args:
        pictures: what is known of each picture.
        order: the name without its running number, and the number, of each of a user's own pictures. Those with
            neighbouring numbers then belong together if they are alike (slices of a volume, frames of a video).
    """
    links = []
    kinds: dict[tuple, list[int]] = {}
    for index, picture in enumerate(pictures):
        kind = (picture.size, picture.stain) if order is None else (picture.size,)
        kinds.setdefault(kind, []).append(index)
    for members in kinds.values():
        ours = [pictures[index] for index in members]
        pairs = _same_scene(ours) if order is None else _own_scene(ours, [order[index] for index in members])
        links.append(np.array(members)[pairs])
    return join_groups(len(pictures), np.concatenate(links) if links else np.zeros((0, 2), dtype=int))


def join_groups(count: int, links: np.ndarray) -> list[int]:
    """Return for each of so many things the index of the first that it is linked to, also by way of others.

    Args:
        count: the number of things.
        links: indices of what belongs together (pairs, 2).
    """
    if not count:
        return []
    graph = coo_array((np.ones(len(links), dtype=bool), (links[:, 0], links[:, 1])), shape=(count, count))
    first_of_group: dict[int, int] = {}
    labels = connected_components(graph, directed=False)[1]
    return [first_of_group.setdefault(int(label), index) for index, label in enumerate(labels)]
