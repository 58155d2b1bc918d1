"""Measured latencies are kept for this machine and runtime, and for no other. Times themselves are not asserted."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from monai_lwmisn.errors import BudgetError, ConfigError, FigureWarning
from monai_lwmisn.nas import LatencyTable, check_budget, latency, measure_costs, true_costs
from monai_lwmisn.nas.costs import Parts
from monai_lwmisn.nas.latency import MS_PER_GMAC, measure_network
from monai_lwmisn.networks import LWMISN, Edge, Genotype
from monai_lwmisn.profiling import Timing, multiply_accumulates, parameter_count
from tests.nas.assembly import ARCHITECTURE

IMAGE = torch.rand(1, 2, 8, 8)
PARTS: Parts = {"conv 2x8x8": (nn.Conv2d(2, 2, 3), IMAGE), "relu 2x8x8": (nn.ReLU(), IMAGE)}


class Measurements:
    """Stands in for the clock: its results count up, and are as reliable as it is told."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.reliable: list[bool] = []
        """Of the next measurements; reliable when it is empty."""

    def _next(self) -> Timing:
        number = float(len(self.called))
        return Timing(number, number, number, self.reliable.pop(0) if self.reliable else True)

    def one(self, network: nn.Module, image: torch.Tensor, runtime: str = "torch", *, threads: int = 2) -> Timing:
        self.called.append(f"{runtime} {threads}")
        return self._next()

    def all(self, calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
        self.called.append(" ".join(key.split(" ")[0] for key in calls))
        timing = self._next()
        return dict.fromkeys(calls, timing)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Measurements:
    measurements = Measurements()
    monkeypatch.setattr(latency, "latency", measurements.one)
    monkeypatch.setattr(latency, "interleaved_times", measurements.all)
    return measurements


def test_each_part_is_measured_once_and_kept(tmp_path: Path, clock: Measurements) -> None:
    first = LatencyTable(tmp_path)(PARTS)
    assert LatencyTable(tmp_path)(PARTS) == first == {"conv 2x8x8": 2, "relu 2x8x8": 2}
    assert clock.called == ["torch 2", "conv relu"]
    more = LatencyTable(tmp_path)({**PARTS, "selu 2x8x8": (nn.SELU(), IMAGE)})
    assert more == {**first, "selu 2x8x8": 4} and clock.called[2:] == ["torch 2", "selu"]
    content = json.loads((tmp_path / "latency.json").read_text())
    assert content["milliseconds"] == more and content["by"] == "clock"
    assert content["machine"]["runtime"] == "torch" and content["machine"]["threads"] == 2


def test_another_machine_runtime_or_number_of_threads_is_measured_anew(
    tmp_path: Path, clock: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    file = tmp_path / "latency.json"
    LatencyTable(tmp_path)(PARTS)
    LatencyTable(tmp_path, threads=1)(PARTS)
    LatencyTable(tmp_path, runtime="onnxruntime")({"conv 2x8x8": PARTS["conv 2x8x8"]})
    assert json.loads(file.read_text())["machine"]["runtime"] == "onnxruntime"
    monkeypatch.setattr(latency, "processor_name", lambda: "another one")
    LatencyTable(tmp_path, runtime="onnxruntime")({"conv 2x8x8": PARTS["conv 2x8x8"]})
    assert clock.called[::2] == ["torch 2", "torch 1", "onnxruntime 2", "onnxruntime 2"]
    assert json.loads(file.read_text())["milliseconds"] == {"conv 2x8x8": 8}


@pytest.mark.parametrize("reliable", [[False], [True, False, True, False, True, False]])
def test_beside_other_programs_counts_replace_times_and_a_resumed_search_keeps_them(
    tmp_path: Path, clock: Measurements, monkeypatch: pytest.MonkeyPatch, reliable: list[bool]
) -> None:
    clock.reliable = list(reliable)
    with pytest.warns(FigureWarning, match="other programs are using the processor: the search weighs multiply-acc"):
        counted = LatencyTable(tmp_path)(PARTS)
    macs = {key: multiply_accumulates(*part) for key, part in PARTS.items()}
    assert macs["conv 2x8x8"] == 6 * 6 * 2 * 2 * 9
    assert counted == {key: MS_PER_GMAC * count / 1e9 for key, count in macs.items()}
    assert clock.reliable == [] and len(clock.called) == len(reliable)
    assert json.loads((tmp_path / "latency.json").read_text())["by"] == "counts"
    monkeypatch.setattr(latency, "processor_name", lambda: "another one")
    assert LatencyTable(tmp_path)(PARTS) == counted and len(clock.called) == len(reliable)


def test_a_moment_of_other_programs_does_not_matter(tmp_path: Path, clock: Measurements) -> None:
    clock.reliable = [True, False, True, True]
    assert LatencyTable(tmp_path)(PARTS) == dict.fromkeys(PARTS, 4)


def test_a_limit_on_the_latency_is_refused_where_it_cannot_be_checked(tmp_path: Path, clock: Measurements) -> None:
    clock.reliable = [False]
    with pytest.warns(FigureWarning):
        table = measure_costs(ARCHITECTURE, ["identity", "ghost_conv_3x3"], "shared", LatencyTable(tmp_path))
    check_budget(table, {"params": 1e9}, None)
    with pytest.raises(BudgetError, match="cannot be checked while other programs .*: stop them and start"):
        check_budget(table, {"latency_ms": 1e9}, None)
    clock.reliable = [False]
    edges = {"all": tuple(Edge(node, predecessor, "identity") for node in range(4) for predecessor in (0, 1))}
    with pytest.raises(BudgetError, match="cannot be checked while other programs"):
        true_costs(ARCHITECTURE, {"latency_ms": 1e9})(edges)


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latency.json").write_text("{")
    with pytest.raises(ConfigError, match="latency.json cannot be read .*: remove it, and it is measured anew"):
        LatencyTable(tmp_path)


def test_unknown_runtimes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="search.latency_runtime is 'tensorrt': use one of torch, onnxruntime"):
        LatencyTable(tmp_path, runtime="tensorrt")


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
@pytest.mark.filterwarnings("ignore::monai_lwmisn.errors.FigureWarning")
def test_operations_are_measured(tmp_path: Path, runtime: str) -> None:
    pytest.importorskip("onnxruntime")
    assert min(LatencyTable(tmp_path, runtime, threads=1)({"conv 2x8x8": PARTS["conv 2x8x8"]}).values()) > 0


def test_a_whole_network_is_measured(clock: Measurements) -> None:
    edges = tuple(Edge(node, predecessor, "ghost_conv_3x3") for node in range(4) for predecessor in (0, 1))
    genotype = Genotype(ARCHITECTURE, {"all": edges})
    costs = measure_network(genotype)
    assert costs["params"] == parameter_count(LWMISN(genotype))
    assert costs["latency_ms"] == 1
    assert measure_network(genotype, None)["latency_ms"] == 0


def test_a_limit_on_the_latency_is_measured_under_the_runtime_of_the_table(clock: Measurements) -> None:
    edges = {"all": tuple(Edge(node, predecessor, "identity") for node in range(4) for predecessor in (0, 1))}
    budget = {"latency_ms": 5.0}
    costs = [true_costs(ARCHITECTURE, budget, runtime)(edges) for runtime in ("torch", "onnxruntime")]
    assert [cost["latency_ms"] for cost in costs] == [1, 2] and clock.called == ["torch 2", "onnxruntime 2"]
    assert true_costs(ARCHITECTURE, {}, "onnxruntime")(edges)["latency_ms"] == 0
