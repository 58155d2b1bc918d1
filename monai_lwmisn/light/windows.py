"""Brings a picture that is too large for memory through a network, in overlapping windows. Needs numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

OVERLAP = 0.25
"""Share of a window that overlaps the next one."""

ALIGNMENT = 128
"""Windows begin at multiples of this, so that a network that halves a picture up to seven times halves each at the same
pixels as the whole picture."""

SIGMA = 0.125
"""Standard deviation of the weights of a window, as a share of its side, as in MONAI."""

LEAST_WEIGHT = 1e-3
"""Of a pixel in a window, as in MONAI."""

__all__ = ["aligned_window", "in_windows"]


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
    axes = [(length, *aligned_window(length, side)) for length, side in zip(picture.shape, window, strict=False)]
    size = [side for _, side, _ in axes]
    places = list(product(*(list(_starts(*axis)) for axis in axes)))
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


def aligned_window(length: int, side: int, overlap: float = OVERLAP) -> tuple[int, int]:
    """Return the side of the windows of an axis, and the step from one to the next, in pixels.

    Args:
        length: of the picture.
        side: the least side. Windows are larger by less than ``ALIGNMENT``, if that makes the last one begin at a
            multiple of it; those that are too small for it are not aligned.
        overlap: share of a window that overlaps the next one, at least.
    """
    if length <= side:
        return length, length
    step = max(1, int(side * (1 - overlap)))
    if step >= ALIGNMENT:
        step -= step % ALIGNMENT
        side += (length - side) % ALIGNMENT
    return side, step


def _starts(length: int, side: int, step: int) -> Iterator[int]:
    last = length - side
    yield from range(0, last, step)
    yield last


def _weights(side: int) -> np.ndarray:
    distances = (np.arange(side) - (side - 1) / 2) / (SIGMA * side)
    return np.exp(-(distances**2) / 2).astype(np.float32)
