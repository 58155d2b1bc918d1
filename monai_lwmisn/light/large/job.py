"""The job of one large picture, as each process that shares it has it: windows to segment, and objects to number."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from multiprocessing import parent_process
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..facts import Facts
from ..normalisation import from_facts
from ..pictures import bring_to_range
from ..quality import QualityEstimate
from .counting import Counts
from .objects import separate_block
from .sources import Source, open_source
from .windows import Window, windows_of
from .work import Work

WINDOWS, COUNTED = "windows", "counted"
"""The steps of the work that are done here, beside that of the objects."""

LARGE_FORMATS = {"ome-tiff": ".ome.tif", "ome-zarr": ".ome.zarr"}
"""The endings of the masks of large pictures by the name of their format."""

Load = Callable[[], AbstractContextManager[Any]]
"""Opens a network, in any process."""

__all__ = ["COUNTED", "LARGE_FORMATS", "WINDOWS", "Job", "Load", "Open", "Options", "PartPredictor", "take_share"]


@dataclass(frozen=True)
class Options:
    """What to do with each large picture of a call.

    Args:
        format: of the masks, see :data:`LARGE_FORMATS`; None for that of the picture.
        plane: the number from 1 on along each axis of which one place is taken.
        geojson: also write the objects as GeoJSON.
        processes: that work on the windows at a time.
    """

    format: str | None = None
    plane: Mapping[str, int] = field(default_factory=dict)
    geojson: bool = False
    processes: int = 1

    def takes_all(self) -> bool:
        """Return whether pictures of any size are taken so."""
        return self.format in LARGE_FORMATS or bool(self.plane) or self.geojson


class PartPredictor(Protocol):
    """A network that takes a part of a picture, with what the whole picture's values are.

    Attributes:
        facts: what is around the network.
    """

    @property
    def facts(self) -> Facts:
        """See above."""

    def part_logits(self, part: np.ndarray, statistics: np.ndarray) -> np.ndarray:
        """Map a part (height, width, channel), float32 from 0 to 255, to logits (height, width, class)."""


@dataclass(frozen=True)
class Job:
    """What a process needs to know; it is sent to others."""

    image: str
    folder: Path
    facts: Facts
    plane: Mapping[str, int]
    measured: bool
    rated: bool
    core: int
    margin: int

    @contextmanager
    def opened(self) -> Iterator[Open]:
        """Open the picture and the folder."""
        source = open_source(self.image, self.plane)
        try:
            yield Open(self, source, Work(self.folder, source.shape, self.core))
        finally:
            source.close()


@dataclass(frozen=True)
class Open:
    """A job with its picture and its folder."""

    job: Job
    source: Source
    work: Work

    @cached_property
    def windows(self) -> list[Window]:
        return list(windows_of(self.source.shape, self.job.core, self.job.margin))

    @cached_property
    def counts(self) -> Counts:
        kept = self.work.result(COUNTED)
        return Counts(kept["values"], kept["counts"], (kept["ends"][0], kept["ends"][1]) if len(kept["ends"]) else None)

    @cached_property
    def statistics(self) -> np.ndarray:
        return self.counts.statistics(from_facts(self.job.facts.normalisation), self.job.facts.in_channels)

    def left(self, step: str) -> list[Window]:
        """The windows that are not done."""
        return [window for window in self.windows if not self.work.is_done(step, window.name)]

    def segment(self, predictor: PartPredictor, window: Window) -> None:
        """Bring a window through the network, and keep its classes."""
        part = bring_to_range(self.source[window.part], self.counts.ends)
        if part.shape[-1] == 1:
            part = np.repeat(part, 3, axis=-1)
        logits = np.moveaxis(predictor.part_logits(part, self.statistics)[window.inner], -1, 0)
        classes = logits[0] >= 0 if len(logits) == 1 else logits.argmax(axis=0)
        self.work.array("labels", "u1")[window.core] = classes.astype(np.uint8)
        kept = {}
        if self.job.rated:
            estimate = QualityEstimate()
            estimate.add(logits)
            kept["sums"] = estimate.sums
        self.work.finish(WINDOWS, window.name, **kept)

    def separate(self, window: Window) -> None:
        """Number the objects of a window."""
        separate_block(self.work, window, self.source if self.job.measured else None)


def take_share(job: Job, load: Load | None, names: list[str]) -> None:
    """Take a step of some windows in a process of its own; the first process says what goes wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends this one
    try:
        with job.opened() as opened, _predictor(load) as predictor:
            take = opened.separate if predictor is None else partial(opened.segment, predictor)
            for window in (one for one in opened.windows if one.name in names):
                parent = parent_process()
                if parent is None or not parent.is_alive():
                    break
                take(window)
    except Exception:
        sys.exit(1)


@contextmanager
def _predictor(load: Load | None) -> Iterator[PartPredictor | None]:
    if load is None:
        yield None
        return
    with load() as predictor:
        yield predictor
