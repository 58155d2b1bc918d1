"""Finds the connected regions of a mask. Needs numpy alone, since SciPy is larger than all else that segments.

The regions are those of ``scipy.ndimage.label``, in the same order.
"""

from __future__ import annotations

from itertools import product

import numpy as np

__all__ = ["Regions"]


class Regions:
    """The connected regions of a mask, kept as runs of pixels along the last axis.

    Args:
        mask: boolean, of any number of dimensions.
        connectivity: the most axes along which two pixels that touch may differ: 1 for pixels with a common face; None
            for all, so that a common corner connects.

    Attributes:
        sizes: (region,) the pixels of each region, in the order of their first pixels.
    """

    def __init__(self, mask: np.ndarray, connectivity: int | None = None) -> None:
        self.shape = mask.shape
        lines = mask.reshape(-1, mask.shape[-1])
        # A column without a pixel parts one line from the next.
        self._width = lines.shape[1] + 1
        padded = np.zeros((len(lines), self._width + 1), dtype=np.int8)
        padded[:, 1:-1] = lines
        steps = np.diff(padded, axis=1).ravel()
        self._starts, self._stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
        self._regions = self._connect(mask.ndim if connectivity is None else connectivity)
        self.sizes = np.bincount(self._regions, self._stops - self._starts).astype(np.int64)

    def mask_of(self, chosen: np.ndarray) -> np.ndarray:
        """Return the mask of some regions, (region,) boolean."""
        change = np.zeros(int(np.prod(self.shape[:-1])) * self._width + 1, dtype=np.int8)
        keep = chosen[self._regions]
        change[self._starts[keep]] += 1
        change[self._stops[keep]] -= 1
        lines = np.cumsum(change[:-1], dtype=np.int8).reshape(*self.shape[:-1], self._width)
        return lines[..., :-1].astype(bool)

    def at_border(self) -> np.ndarray:
        """Return whether each region touches the border of the mask, (region,) boolean."""
        lines, columns = np.divmod(self._starts, self._width)
        touching = (columns == 0) | (self._stops % self._width == self._width - 1)
        for place, length in zip(
            np.unravel_index(lines, self.shape[:-1]) if self.shape[:-1] else (), self.shape, strict=False
        ):
            touching |= (place == 0) | (place == length - 1)
        found = np.zeros(len(self.sizes), dtype=bool)
        found[self._regions[touching]] = True
        return found

    def _connect(self, connectivity: int) -> np.ndarray:
        """The region of each run."""
        region = np.arange(len(self._starts))
        pairs = [self._touching(offset, connectivity) for offset in self._lines_before(connectivity)]
        first = np.concatenate([pair[0] for pair in pairs]) if pairs else region[:0]
        second = np.concatenate([pair[1] for pair in pairs]) if pairs else region[:0]
        while len(first):
            low, high = np.minimum(region[first], region[second]), np.maximum(region[first], region[second])
            apart = low != high
            if not apart.any():
                break
            first, second = first[apart], second[apart]
            np.minimum.at(region, high[apart], low[apart])
            while (further := region[region] != region).any():
                region[further] = region[region[further]]
        return np.unique(region, return_inverse=True)[1].reshape(-1)

    def _lines_before(self, connectivity: int) -> list[tuple[int, ...]]:
        """The ways from a line to those before it that touch it."""
        ways = product((-1, 0, 1), repeat=len(self.shape) - 1)
        return [way for way in ways if way < (0,) * len(way) and sum(map(abs, way)) <= connectivity]

    def _touching(self, way: tuple[int, ...], connectivity: int) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of runs that touch, of which the second is in the line that lies in some direction."""
        reach = int(sum(map(abs, way)) < connectivity)
        lines = self._starts // self._width
        places = np.unravel_index(lines, self.shape[:-1])
        moved = [place + step for place, step in zip(places, way, strict=True)]
        inside = np.logical_and.reduce(
            [(one >= 0) & (one < length) for one, length in zip(moved, self.shape, strict=False)]
        )
        runs = np.flatnonzero(inside)
        if not len(runs):
            return runs, runs
        there = np.ravel_multi_index([one[runs] for one in moved], self.shape[:-1])
        shift = (there - lines[runs]) * self._width
        first = np.searchsorted(self._stops, self._starts[runs] + shift - reach, side="right")
        last = np.searchsorted(self._starts, self._stops[runs] + shift + reach, side="left")
        counts = np.maximum(last - first, 0)
        begins = np.repeat(first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        return np.repeat(runs, counts), begins + np.arange(counts.sum())
