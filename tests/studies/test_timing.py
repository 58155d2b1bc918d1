"""Inferences take turns, and their medians are those of what was counted."""

import itertools
from collections.abc import Callable

import pytest

from monai_lwmisn.studies import timing


class Clock:
    """A clock that only inferences move on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def inference(self, name: str, seconds: Callable[[int], float]) -> Callable[[], None]:
        def infer() -> None:
            self.now += seconds(self.calls.count(name))
            self.calls.append(name)

        return infer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    return clock


def test_the_first_three_of_a_turn_are_not_counted(clock: Clock) -> None:
    inferences = {
        "cold at first": clock.inference("cold at first", lambda call: 0.1 if call % 10 < 3 else 0.01),
        "even": clock.inference("even", lambda call: 0.02),
    }
    assert timing.interleaved_ms(inferences, rounds=3) == pytest.approx({"cold at first": 10, "even": 20})
    assert clock.calls.count("even") == 30


def test_networks_take_turns(clock: Clock) -> None:
    inferences = {name: clock.inference(name, lambda call: 0.01) for name in "abc"}
    timing.interleaved_ms(inferences, rounds=2)
    assert [name for name, _ in itertools.groupby(clock.calls)] == ["a", "b", "c", "a", "b", "c"]


def test_a_slow_network_is_timed_less_often(clock: Clock) -> None:
    assert timing.interleaved_ms({"slow": clock.inference("slow", lambda call: 2.0)}, rounds=4)["slow"] == 2000
    assert len(clock.calls) == 8
