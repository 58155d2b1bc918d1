"""Brings a picture that is too large for memory through a network, in overlapping windows. Needs numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

OVERLAP = 0.25
"""Share of a window that overlaps the next one."""

SIGMA = 0.125
"""Standard deviation of the weights of a window, as a share of its side, as in MONAI."""

LEAST_WEIGHT = 1e-3
"""Of a pixel in a window, as in MONAI."""

__all__ = ["in_windows"]


def in_windows(
    picture: np.ndarray,
    network: Callable[[np.ndarray], np.ndarray],
    window: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return the logits of a picture. Where windows overlap, they are averaged, those near their middle weigh more.

    Args:
        picture: (height, width, channel).
        network: maps a part of it to logits (height, width, class).
        window: height and width of a part.
        progress: called after each window with the windows done, and all.
    """
    size = [min(length, side) for length, side in zip(picture.shape, window, strict=False)]
    places = list(product(*(list(_starts(length, side)) for length, side in zip(picture.shape, size, strict=False))))
    weights = np.maximum(np.multiply.outer(*(_weights(side) for side in size)), LEAST_WEIGHT)[..., None]
    total, sums = None, np.zeros((*picture.shape[:2], 1), dtype=np.float32)
    for done, (top, left) in enumerate(places, start=1):
        part = slice(top, top + size[0]), slice(left, left + size[1])
        logits = network(np.ascontiguousarray(picture[part]))
        total = np.zeros((*picture.shape[:2], logits.shape[-1]), dtype=np.float32) if total is None else total
        total[part] += logits * weights
        sums[part] += weights
        if progress is not None:
            progress(done, len(places))
    assert total is not None
    return total / sums


def _starts(length: int, side: int) -> Iterator[int]:
    step = max(1, int(side * (1 - OVERLAP)))
    last = length - side
    yield from range(0, last, step)
    yield last


def _weights(side: int) -> np.ndarray:
    distances = (np.arange(side) - (side - 1) / 2) / (SIGMA * side)
    return np.exp(-(distances**2) / 2).astype(np.float32)
