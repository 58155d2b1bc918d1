"""Numbers the objects of a large mask: blocks that overlap are separated each, and their objects are joined.

Needs SciPy and scikit-image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..instances import separate_instances
from ..regions import united
from .sources import Source
from .windows import Window
from .work import Work

BAND = 64
"""Pixels on each side of a border between two blocks in which their objects are compared."""

LEAST_SHARE = 0.5
"""Share of two objects of neighbouring blocks that is common to both, above which they are one. No third one can be."""

STEP = "objects"

__all__ = ["STEP", "Objects", "join_objects", "separate_block"]


@dataclass(frozen=True)
class Objects:
    """The objects of a picture; the first one has the number 1.

    Args:
        areas: (object,) pixels.
        sums: (3, object) of the rows, the columns and the values of their pixels.
        boxes: (4, object) first row and column, and the end of both.
        numbers: by window (row, column), the number of each object of the block, (object of the block + 1,); 0 for 0.
        class_name: what the objects are.
    """

    areas: np.ndarray
    sums: np.ndarray
    boxes: np.ndarray
    numbers: dict[tuple[int, int], np.ndarray]
    class_name: str

    def __len__(self) -> int:
        return len(self.areas)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Return the rows of the table, see :class:`..measures.Measures`."""
        diameters = np.sqrt(4 * self.areas / np.pi)
        middles = self.sums / self.areas
        for place in range(len(self.areas)):
            yield {
                "object": place + 1,
                "class": self.class_name,
                "area_px": int(self.areas[place]),
                "diameter_px": float(diameters[place]),
                "x": float(middles[1, place]),
                "y": float(middles[0, place]),
                "mean_intensity": float(middles[2, place]),
            }


def separate_block(work: Work, window: Window, source: Source | None) -> None:
    """Number the objects of a block, and keep what their borders to the neighbouring blocks look like.

    Args:
        work: has the array ``labels``, and gets the array ``pieces``.
        window: the block.
        source: the picture, whose values are added up; None for none.
    """
    numbers = separate_instances(work.array("labels", "u1")[window.part] > 0)
    inner = window.inner
    core = numbers[inner]
    work.array("pieces", "u4")[window.core] = core.astype(np.uint32)
    count = int(numbers.max(initial=0)) + 1
    rows, columns = np.nonzero(core)
    found = core[rows, columns]
    top, left = (one.start for one in window.core)
    values = source[window.core].mean(axis=-1)[rows, columns] if source is not None else np.zeros(len(found))
    sums = [np.bincount(found, one, count) for one in (rows + float(top), columns + float(left), values)]
    boxes = np.stack([np.full(count, np.iinfo(np.int64).max)] * 2 + [np.zeros(count, np.int64)] * 2)
    for place, (axis, start) in enumerate(((rows, top), (columns, left))):
        np.minimum.at(boxes[place], found, axis + start)
        np.maximum.at(boxes[place + 2], found, axis + start + 1)
    work.finish(
        STEP,
        window.name,
        areas=np.bincount(found, minlength=count),
        sums=np.stack(sums),
        boxes=boxes,
        **{f"{axis}_{end}": _band(numbers, inner, axis, end) for axis in range(2) for end in ("start", "stop")},
    )


def _band(numbers: np.ndarray, inner: tuple[slice, ...], axis: int, end: str) -> np.ndarray:
    """The numbers around one side of a block, and a little beyond its corners, where its diagonal neighbours are."""
    line = getattr(inner[axis], end)
    along = inner[1 - axis]
    places = [slice(max(0, line - BAND), line + BAND), slice(max(0, along.start - BAND), along.stop + BAND)]
    return numbers[tuple(places if axis == 0 else places[::-1])]


def join_objects(work: Work, windows: Sequence[Window], class_name: str) -> Objects:
    """Join the objects of all blocks: two that are nearly the same around a common border are one.

    Args:
        work: of which :func:`separate_block` has done all windows.
        windows: all of the picture.
        class_name: what the objects are.
    """
    offsets: dict[tuple[int, int], int] = {}
    areas, sums, boxes, pairs = [], [], [], [np.zeros((2, 0), dtype=np.int64)]
    above: dict[int, np.ndarray] = {}
    left = np.zeros((0, 0), dtype=np.int64)
    total = 0
    for window in windows:
        kept = work.result(STEP, window.name)
        offsets[window.row, window.column] = total
        if window.row > 0:
            pairs.append(_same(above[window.column], _numbered(kept["0_start"], total)))
        if window.column > 0:
            pairs.append(_same(left, _numbered(kept["1_start"], total)))
        above[window.column], left = _numbered(kept["0_stop"], total), _numbered(kept["1_stop"], total)
        areas.append(kept["areas"])
        sums.append(kept["sums"])
        boxes.append(kept["boxes"])
        total += len(kept["areas"])
    own = united(total, *np.concatenate(pairs, axis=1))
    area_of = np.bincount(own, np.concatenate(areas), total).astype(np.int64)
    number_of = np.where(area_of > 0, np.cumsum(area_of > 0), 0)
    numbers = number_of[own]
    count = int(number_of.max(initial=0)) + 1
    joined = np.stack([np.full(count, np.iinfo(np.int64).max)] * 2 + [np.zeros(count, np.int64)] * 2)
    all_boxes = np.concatenate(boxes, axis=1)
    for place in range(4):
        (np.minimum if place < 2 else np.maximum).at(joined[place], numbers, all_boxes[place])
    ends = [*offsets.values(), total]
    return Objects(
        area_of[area_of > 0],
        np.stack([np.bincount(numbers, one, count)[1:] for one in np.concatenate(sums, axis=1)]),
        joined[:, 1:],
        {key: numbers[ends[place] : ends[place + 1]] for place, key in enumerate(offsets)},
        class_name,
    )


def _numbered(band: np.ndarray, offset: int) -> np.ndarray:
    return np.where(band > 0, band + np.int64(offset), 0)


def _same(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The pairs (2, pair) of the objects of two blocks that are the same, by their numbers in a common band."""
    both = (first > 0) & (second > 0)
    pairs, common = np.unique(np.stack([first[both], second[both]]), axis=1, return_counts=True)
    sizes = []
    for numbers, of in zip((first, second), pairs, strict=True):
        values, counts = np.unique(numbers[numbers > 0], return_counts=True)
        sizes.append(counts[np.searchsorted(values, of)])
    return pairs[:, common > LEAST_SHARE * (sizes[0] + sizes[1] - common)]
