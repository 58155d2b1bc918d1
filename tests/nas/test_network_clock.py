"""A network is timed in turns with a reference, and in proportion to it."""

import time
from collections.abc import Mapping

import pytest
from torch import nn

from monai_lwmisn.nas import network_clock
from monai_lwmisn.nas.network_clock import NetworkClock
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import Timing
from tests.networks.small import small_genotype


class Processor:
    """Stands for the clock: networks take 10 ms and the reference 20, times how slow the processor is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, slow: float = 1.0, reliable: bool = True) -> None:
        self.slow, self.reliable = slow, reliable
        self.rounds: list[int] = []
        self.clocks: list[object] = []
        monkeypatch.setattr(network_clock, "inference", lambda network, image, runtime: network)
        monkeypatch.setattr(network_clock, "interleaved_times", self)

    def __call__(self, calls: Mapping[str, nn.Module], rounds: int, clock: object) -> dict[str, Timing]:
        self.rounds.append(rounds)
        self.clocks.append(clock)
        times = {name: self.slow * (10.0 if isinstance(call, LWMISN) else 20.0) for name, call in calls.items()}
        return {name: Timing(value, value, value, self.reliable) for name, value in times.items()}


def genotype() -> Genotype:
    return small_genotype(3, 1)


def test_a_slow_moment_of_the_processor_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = Processor(monkeypatch)
    clock = NetworkClock(3, reference=lambda: nn.Conv2d(3, 1, 1))
    reference_ms = clock.of_reference()
    assert reference_ms == 20
    processor.slow = 3
    assert clock(genotype(), 15, reference_ms) == pytest.approx(10)
    assert NetworkClock(3)(genotype()) == 30


def test_a_network_far_over_the_limit_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = Processor(monkeypatch)
    assert NetworkClock(3)(genotype(), 7) == 10 and processor.rounds == [1]
    assert NetworkClock(3)(genotype(), 9) == 10 and processor.rounds[1:] == [1, network_clock.ROUNDS]


def test_an_unreliable_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    Processor(monkeypatch, reliable=False)
    clock = NetworkClock(3, reference=lambda: nn.Conv2d(3, 1, 1))
    assert clock.of_reference() is None and clock(genotype()) is None


def test_one_thread_is_timed_by_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = Processor(monkeypatch)
    NetworkClock(3, threads=1)(genotype())
    NetworkClock(3, threads=2)(genotype())
    assert processor.clocks == [time.process_time] * 2 + [None] * 2
