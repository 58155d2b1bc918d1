"""Times of inferences that take turns, so that a slow moment of the machine hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

UNCOUNTED, COUNTED = 3, 7
"""Inferences of a turn. In turns of one each would pay for the threads of the one before, which go on spinning for a
while after their work is done."""

PATIENCE = 0.5
"""Seconds after which a turn's uncounted inferences end, and its counted ones."""


def medians_in_turns(inferences: Mapping[str, Callable[[], object]], rounds: int = 10) -> dict[str, float]:
    """Median time of each inference in milliseconds, over ``rounds`` turns of seven; of fewer where one takes long."""
    milliseconds: dict[str, list[float]] = {name: [] for name in inferences}
    for _ in range(rounds):
        for name, inference in inferences.items():
            _repeat(inference, UNCOUNTED)
            milliseconds[name] += _repeat(inference, COUNTED)
    return {name: statistics.median(times) for name, times in milliseconds.items()}


def _repeat(inference: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each of so many inferences, or of as many as fit into the patience: one at least."""
    taken: list[float] = []
    while len(taken) < times and sum(taken) < PATIENCE * 1e3:
        start = time.perf_counter()
        inference()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken
