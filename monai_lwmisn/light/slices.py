"""Brings a volume slice by slice through an engine: neighbours as channels, and logits smoothed along the slices.

Memory stays flat: a few slices are in work at a time. Needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

PIXELS, MOST = 2**19, 8
"""The pixels that go through the network together, but one slice at least; and the most slices."""

__all__ = ["slice_logits", "smoothed"]


def slice_logits(
    volume: np.ndarray,
    network: Callable[[np.ndarray], np.ndarray],
    slices: int = 1,
    pixels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[np.ndarray]:
    """Return the logits (class, x, y) of each slice of a volume, one after the other.

    Args:
        volume: (channel, x, y, z), sliced along z.
        network: maps slices (slice, slices * channel, x, y), float32, to logits (slice, class, x, y).
        slices: an odd number; a slice is given with its neighbours as channels. Beyond either end of the volume its
            last slice is repeated.
        pixels: that the network has in work for a slice; None for those of the slice.
        progress: called after each batch with the slices done, and all.
    """
    count = volume.shape[-1]
    batch = max(1, min(MOST, PIXELS // (pixels or volume.shape[1] * volume.shape[2])))
    ways = np.arange(slices) - slices // 2
    for first in range(0, count, batch):
        places = np.arange(first, min(first + batch, count))
        seen = np.clip(places[:, None] + ways, 0, count - 1)
        # (channel, x, y, slice, neighbour) becomes (slice, neighbour, channel, x, y).
        chosen = volume[..., seen].transpose(3, 4, 0, 1, 2)
        images = np.ascontiguousarray(chosen.reshape(len(places), -1, *volume.shape[1:3]), dtype=np.float32)
        yield from network(images)
        if progress is not None:
            progress(int(places[-1]) + 1, count)


def smoothed(logits: Iterator[np.ndarray], kernel: Sequence[float]) -> Iterator[np.ndarray]:
    """Return slices, each a weighted sum of its neighbours. Beyond the first and the last, these are repeated.

    Args:
        logits: one slice after the other.
        kernel: an odd number of weights; none for the slices as they are.
    """
    if not kernel:
        yield from logits
        return
    reach = len(kernel) // 2
    near: list[np.ndarray] = []
    for one in logits:
        near += [one] * (reach + 1 if not near else 1)
        if len(near) == len(kernel):
            yield _weighted(near, kernel)
            del near[0]
    for _ in range(reach):
        near.append(near[-1])
        # A volume of few slices has come to its end before the kernel is full.
        if len(near) == len(kernel):
            yield _weighted(near, kernel)
            del near[0]


def _weighted(slices: Sequence[np.ndarray], kernel: Sequence[float]) -> np.ndarray:
    total = np.zeros_like(slices[0])
    for one, weight in zip(slices, kernel, strict=True):
        total += one * np.float32(weight)
    return total
