"""Counts the values of a whole picture region by region, for what a network needs to know of all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from ..normalisation import LARGEST_COUNTED, Step, statistics_of
from ..pictures import bring_to_range, range_of
from ..regions import Place
from .sources import Source

BINS = 2**16
"""Of values that are not counted one by one: real numbers, and whole ones of a larger range."""

SAMPLE = 10**6
"""Values that the checks of an image look at."""

__all__ = ["Counts", "count_values"]


@dataclass(frozen=True)
class Counts:
    """How often each value occurs in a picture.

    Args:
        values: (value,) in rising order, as stored. Of real numbers the middles of 65536 equal parts of their range.
        counts: (channel, value)
        ends: the values that become 0 and 255, see :func:`.range_of`; None where they stay.
    """

    values: np.ndarray
    counts: np.ndarray
    ends: tuple[float, float] | None

    def statistics(self, steps: Sequence[Step], in_channels: int) -> np.ndarray:
        """Return the statistics that the steps of a network take, see :func:`.statistics_of`."""
        values, counts = self._per_channel(in_channels)
        return statistics_of(values, steps, counts)

    def sample(self, in_channels: int) -> np.ndarray:
        """Return about a million values (channel, 1, value) as frequent as in the picture, with all extremes."""
        values, counts = self._per_channel(in_channels)
        shares = np.ceil(counts.sum(axis=0) * (SAMPLE / counts.sum())).astype(np.int64)
        return np.repeat(values, shares, axis=1)[:, None]

    def _per_channel(self, in_channels: int) -> tuple[np.ndarray, np.ndarray]:
        shown = bring_to_range(self.values, self.ends)
        return np.repeat(shown[None], in_channels, axis=0), np.resize(self.counts, (in_channels, len(shown)))


def count_values(source: Source, places: Iterable[Place]) -> Counts:
    """Count the values of a picture.

    Args:
        source: the picture.
        places: of its regions.

    Raises:
        DataError: a value is NaN or infinite, or a part cannot be read.
    """
    places = list(places)
    if source.dtype.kind in "iu" and source.dtype.itemsize <= 2:
        info = np.iinfo(source.dtype)
        low, high = float(info.min), float(info.max)
    else:
        low, high = _extremes(source, places)
    counted = source.dtype.kind in "iu" and high - low < LARGEST_COUNTED
    bins = int(high - low) + 1 if counted else BINS
    width = 1.0 if counted else (high - low) / BINS or 1.0
    counts = np.zeros((source.channels, bins), dtype=np.int64)
    for place in places:
        region = source[place]
        for channel in range(source.channels):
            values = region[..., channel].reshape(-1)
            index = values.astype(np.int64) - int(low) if counted else ((values - low) / width).astype(np.int64)
            counts[channel] += np.bincount(np.minimum(index, bins - 1), minlength=bins)
    found = np.flatnonzero(counts.sum(axis=0))
    values = low + (found if counted else (found + 0.5) * width)
    if counted:
        low, high = float(values[0]), float(values[-1])
    return Counts(values, counts[:, found], _ends(source, low, high))


def _ends(source: Source, low: float, high: float) -> tuple[float, float] | None:
    return None if source.dtype == np.uint8 else range_of(low, high, source.dtype.kind, source.white)


def _extremes(source: Source, places: Iterable[Place]) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for place in places:
        region = source[place]
        if not np.isfinite(region).all():
            raise DataError(f"{source.name} has pixels that are NaN or infinite: repair it.")
        low, high = min(low, float(region.min())), max(high, float(region.max()))
    return low, high
