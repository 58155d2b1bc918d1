"""Costs against formulas, against the tensors that a network holds, and against a clock that calls alone move on."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from monai_lwmisn import profiling
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import (
    Timing,
    format_latency,
    interleaved_times,
    latency,
    multiply_accumulates,
    network_report,
    parameter_count,
    peak_memory_mb,
)
from tests.networks.small import small_genotype


@pytest.fixture
def genotype() -> Genotype:
    return small_genotype()


def test_a_convolution_costs_what_its_formula_says() -> None:
    convolution = nn.Conv2d(4, 6, kernel_size=3, padding=1, groups=2)
    image = torch.zeros(2, 4, 10, 12)
    assert parameter_count(convolution) == 6 * (4 // 2) * 9 + 6
    assert multiply_accumulates(convolution, image) == 2 * 10 * 12 * 6 * (4 // 2) * 9


def test_normalisation_and_pooling_are_not_counted() -> None:
    network = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, stride=1, padding=1))
    assert multiply_accumulates(network, torch.zeros(1, 4, 8, 8)) == 0


def test_peak_memory_is_that_of_the_two_tensors_alive_at_once() -> None:
    network = nn.Sequential(nn.Conv2d(1, 8, 1), nn.Softplus(), nn.Conv2d(8, 1, 1))
    image = torch.zeros(1, 1, 128, 128)
    expected = 2 * 8 * 128 * 128 * 4 / 1e6  # the first convolution's result and its activation, 32-bit
    assert peak_memory_mb(network, image) == pytest.approx(expected, rel=0.05)


def test_measuring_leaves_the_result_of_a_network_as_it_was(genotype: Genotype) -> None:
    network, image = LWMISN(genotype).eval(), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        before = network(image)
        assert latency(network, image, threads=1, rounds=1).milliseconds > 0
        peak_memory_mb(network, image)
        torch.testing.assert_close(network(image), before)


def test_the_report_counts_the_network_of_the_genotype(genotype: Genotype) -> None:
    report = network_report(genotype, threads=1)
    assert set(report) == {"params", "macs", "latency_ms", "latency_range_ms", "latency_reliable"} | {
        "peak_memory_mb",
        "genotype",
    }
    assert report["params"] == sum(parameter.numel() for parameter in LWMISN(genotype).parameters())
    assert Genotype.from_dict(report["genotype"]) == genotype
    assert report["macs"] > 256 * 256 and report["latency_ms"] > 0
    # The half-resolution features alone take this much.
    assert report["peak_memory_mb"] > 128 * 128 * 4 * 4 / 1e6


class Clock:
    """A clock that only calls move on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.others = 0.0
        """Cores that other programs keep busy."""
        self.calls: list[str] = []

    def call(self, name: str, seconds: Callable[[int], float]) -> Callable[[], None]:
        def run() -> None:
            self.now += seconds(self.calls.count(name))
            self.calls.append(name)

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(profiling, "_seconds_of_others", lambda: clock.others * clock.now)
    monkeypatch.setattr(profiling.psutil, "cpu_count", lambda: torch.get_num_threads())
    return clock


def test_the_first_three_calls_of_a_round_are_not_counted(clock: Clock) -> None:
    calls = {
        "cold at first": clock.call("cold at first", lambda call: 0.1 if call % 10 < 3 else 0.01),
        "even": clock.call("even", lambda call: 0.02),
    }
    timings = interleaved_times(calls, rounds=3)
    assert {name: timing.milliseconds for name, timing in timings.items()} == pytest.approx(
        {"cold at first": 10, "even": 20}
    )
    assert clock.calls.count("even") == 30


def test_the_spread_is_that_of_nine_tenths_against_one(clock: Clock) -> None:
    # The counted calls of a round take 3 to 9 ms, so the percentiles lie between them.
    timing = interleaved_times({"rising": clock.call("rising", lambda call: (call % 10) / 1000)}, rounds=20)["rising"]
    assert timing[:3] == pytest.approx(tuple(np.percentile(np.repeat(np.arange(3, 10), 20), (50, 10, 90))))
    assert not timing.reliable
    assert format_latency(timing.to_dict()) == ("unreliable: other programs are using the processor (3.00 to 9.00 ms)")


@pytest.mark.parametrize(
    ("slowest", "others", "spare", "reliable"),
    [
        (0.019, 0.0, 0, True),
        (0.021, 0.0, 0, False),
        (0.010, 0.2, 0, True),
        # Every call waits alike, which the times do not show.
        (0.010, 0.3, 0, False),
        (0.010, 1.2, 1, True),
        (0.010, 1.3, 1, False),
    ],
)
def test_times_beside_other_programs_are_unreliable(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, slowest: float, others: float, spare: int, reliable: bool
) -> None:
    clock.others = others
    monkeypatch.setattr(profiling.psutil, "cpu_count", lambda: torch.get_num_threads() + spare)
    call = clock.call("call", lambda call: slowest if call % 3 == 0 else 0.01)
    assert interleaved_times({"call": call}, rounds=5)["call"].reliable is reliable


def test_an_unreliable_time_is_measured_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    call = clock.call("call", lambda call: 0.01 * (1 + 9 * (call < 60 and call % 2)))
    monkeypatch.setattr(profiling, "inference", lambda *_: call)
    timing = latency(nn.Identity(), torch.zeros(1), rounds=3)
    assert timing == Timing(*[pytest.approx(10)] * 3, True) and len(clock.calls) == 90
    assert format_latency(timing.to_dict()) == "10.00 ms (10.00 to 10.00)"
    clock.calls.clear()
    slow = clock.call("call", lambda call: 1.0 + 5 * (call % 3))
    monkeypatch.setattr(profiling, "inference", lambda *_: slow)
    assert not latency(nn.Identity(), torch.zeros(1), rounds=3).reliable and len(clock.calls) == 6


def test_a_time_of_a_former_release_has_no_spread() -> None:
    assert format_latency({"latency_ms": 9.125}) == "9.12 ms (spread not recorded)"


def test_every_round_has_each_of_the_calls(clock: Clock) -> None:
    interleaved_times({name: clock.call(name, lambda call: 0.01) for name in "abc"}, rounds=2)
    assert [name for name, _ in itertools.groupby(clock.calls)] == ["a", "b", "c", "a", "b", "c"]


def test_a_slow_call_is_timed_less_often(clock: Clock) -> None:
    assert interleaved_times({"slow": clock.call("slow", lambda call: 2.0)}, rounds=4)["slow"].milliseconds == 2000
    assert len(clock.calls) == 8


def test_a_network_is_timed_on_the_threads_that_are_asked_for() -> None:
    seen = []

    class Network(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((torch.get_num_threads(), x.is_contiguous(memory_format=torch.channels_last), self.training))
            return x

    before = torch.get_num_threads()
    latency(Network(), torch.rand(1, 3, 8, 8), threads=before + 1, rounds=1)
    assert set(seen) == {(before + 1, True, False)} and len(seen) % 10 == 0
    assert torch.get_num_threads() == before


def test_onnx_runtime_times_the_same_network() -> None:
    pytest.importorskip("onnxruntime")
    network, image = nn.Conv2d(2, 3, 3), torch.rand(1, 2, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(profiling.onnx_inference(network, image)(), network(image), rtol=0, atol=1e-5)
    assert latency(network, image, "onnxruntime", threads=1, rounds=1).milliseconds > 0
