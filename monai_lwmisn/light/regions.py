"""Finds the connected regions of a mask. Needs numpy alone, since SciPy is larger than all else that segments.

The regions are those of ``scipy.ndimage.label``, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

__all__ = ["JoinedRegions", "Place", "Regions", "united"]

Place = tuple[slice, ...]
"""Where a block lies in an array."""


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

    def numbers(self) -> np.ndarray:
        """Return the number of the region of each pixel, from 1 on, int64; 0 where the mask is false."""
        change = np.zeros(int(np.prod(self.shape[:-1])) * self._width + 1, dtype=np.int64)
        change[self._starts] += self._regions + 1
        change[self._stops] -= self._regions + 1
        lines = np.cumsum(change[:-1]).reshape(*self.shape[:-1], self._width)
        return lines[..., :-1]

    def firsts(self) -> np.ndarray:
        """Return the coordinates of the first pixel of each region, (axis, region)."""
        first = np.full(len(self.sizes), np.iinfo(np.int64).max)
        np.minimum.at(first, self._regions, self._starts)
        lines, columns = np.divmod(first, self._width)
        return np.stack([*(np.unravel_index(lines, self.shape[:-1]) if self.shape[:-1] else ()), columns])

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
        return np.unique(united(len(region), first, second), return_inverse=True)[1].reshape(-1)

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


class JoinedRegions:
    """The connected regions of a mask that comes in blocks, as if it were one array. Blocks are not kept.

    Args:
        mask: gives a block of the mask, boolean, by its place. It is called again by :meth:`mask_of`.
        shape: of the whole mask.
        places: of the blocks: the whole of a mask of any dimensions, or a grid of a picture, row by row.
        connectivity: see :class:`Regions`.

    Attributes:
        sizes: (region,) the pixels of each region, in the order of their first pixels.
    """

    def __init__(
        self,
        mask: Callable[[Place], np.ndarray],
        shape: Sequence[int],
        places: Sequence[Place],
        connectivity: int | None = None,
    ) -> None:
        self._mask, self._connectivity = mask, connectivity
        self._last: tuple[Place, Regions] | None = None
        self._offsets = np.zeros(len(places) + 1, dtype=np.int64)
        self._index = {_key(place): number for number, place in enumerate(places)}
        sizes, firsts, borders, pairs = [], [], [], _Seams(shape, connectivity)
        for number, place in enumerate(places):
            regions = self._regions(place)
            self._offsets[number + 1] = self._offsets[number] + len(regions.sizes)
            sizes.append(regions.sizes)
            corner = np.array([one.start for one in place])[:, None]
            firsts.append(np.ravel_multi_index(tuple(regions.firsts() + corner), tuple(shape)))
            if len(places) == 1:
                borders.append(regions.at_border())
            else:
                borders.append(pairs.add(place, regions, int(self._offsets[number])))
        own = united(int(self._offsets[-1]), *pairs.found())
        first = np.concatenate(firsts)
        np.minimum.at(first, own, first.copy())
        roots = np.unique(own)
        place_of_root = np.empty(len(first), dtype=np.int64)
        place_of_root[roots[np.argsort(first[roots])]] = np.arange(len(roots))
        self._of_part = place_of_root[own]
        self.sizes = np.bincount(self._of_part, np.concatenate(sizes), len(roots)).astype(np.int64)
        self._at_border = np.zeros(len(roots), dtype=bool)
        self._at_border[self._of_part[np.concatenate(borders)]] = True

    def at_border(self) -> np.ndarray:
        """Return whether each region touches the border of the whole mask, (region,) boolean."""
        return self._at_border

    def mask_of(self, place: Place, chosen: np.ndarray) -> np.ndarray:
        """Return a block of the mask of some regions, (region,) boolean."""
        number = self._index[_key(place)]
        own = self._of_part[self._offsets[number] : self._offsets[number + 1]]
        return self._regions(place).mask_of(chosen[own])

    def _regions(self, place: Place) -> Regions:
        if self._last is None or self._last[0] != place:
            self._last = place, Regions(self._mask(place), self._connectivity)
        return self._last[1]


def united(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return for each of some things the first one that it is one with, (count,).

    Args:
        count: how many there are.
        first: (pair,) of two that are one.
        second: (pair,)
    """
    found = np.arange(count)
    while len(first):
        low, high = np.minimum(found[first], found[second]), np.maximum(found[first], found[second])
        apart = low != high
        if not apart.any():
            break
        first, second = first[apart], second[apart]
        np.minimum.at(found, high[apart], low[apart])
        while (further := found[found] != found).any():
            found[further] = found[found[further]]
    return found


class _Seams:
    """Notes which regions of neighbouring blocks of a picture touch."""

    def __init__(self, shape: Sequence[int], connectivity: int | None) -> None:
        self._shape, self._steps = tuple(shape), (-1, 0, 1) if connectivity != 1 else (0,)
        self._above = self._below = np.zeros(self._shape[-1], dtype=np.int64)
        self._left = np.zeros(0, dtype=np.int64)
        self._pairs: list[np.ndarray] = []

    def add(self, place: Place, regions: Regions, offset: int) -> np.ndarray:
        """Add the next block of a row, and return which of its regions touch the border of the picture, boolean."""
        rows, columns = place
        numbers = regions.numbers()
        numbers = np.where(numbers > 0, numbers + offset, 0)
        if columns.start == 0:
            self._above, self._below = self._below, np.zeros_like(self._below)
        else:
            self._note(self._left, numbers[:, 0], 0)
        if rows.start > 0:
            self._note(self._above, numbers[0], columns.start)
        self._below[columns], self._left = numbers[-1], numbers[:, -1].copy()
        sides = [
            (rows.start == 0, numbers[0]),
            (rows.stop == self._shape[0], numbers[-1]),
            (columns.start == 0, numbers[:, 0]),
            (columns.stop == self._shape[1], numbers[:, -1]),
        ]
        touching = np.zeros(len(regions.sizes) + 1, dtype=bool)
        for is_border, line in sides:
            if is_border:
                touching[np.maximum(line - offset, 0)] = True
        return touching[1:]

    def found(self) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of regions that touch, by their numbers from 0 on."""
        pairs = np.concatenate([np.zeros((2, 0), dtype=np.int64), *self._pairs], axis=1)
        return pairs[0], pairs[1]

    def _note(self, line: np.ndarray, other: np.ndarray, start: int) -> None:
        """Note what touches along a line and a part of the next one that begins at ``start``."""
        for step in self._steps:
            low, high = max(0, -start - step), min(len(other), len(line) - start - step)
            pair = np.stack([line[start + step + low : start + step + high], other[low:high]]) - 1
            self._pairs.append(np.unique(pair[:, (pair >= 0).all(axis=0)], axis=1))


def _key(place: Place) -> tuple[int, ...]:
    return tuple(one.start for one in place)
