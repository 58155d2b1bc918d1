"""Interleaved timing: calls are timed in alternation, so that a slow moment of the machine affects all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

WARM_UP, TIMED = 3, 7
"""Calls of one round. The warm-up outlasts the threads of the previous network, which keep spinning for a while."""

LIMIT = 0.5
"""Seconds after which the warm-up of a round ends, and its timed calls likewise."""


def interleaved_ms(calls: Mapping[str, Callable[[], object]], rounds: int = 10) -> dict[str, float]:
    """Median time of each call in milliseconds, over ``rounds`` rounds of seven; fewer where a call is slow."""
    milliseconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            _repeat(call, WARM_UP)
            milliseconds[name] += _repeat(call, TIMED)
    return {name: statistics.median(times) for name, times in milliseconds.items()}


def _repeat(call: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of up to ``times`` calls, within the limit; at least one."""
    taken: list[float] = []
    while len(taken) < times and sum(taken) < LIMIT * 1e3:
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken
