"""Measured latencies are kept for this machine and runtime, and for no other. Times themselves are not asserted."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.nas import LatencyTable, latency, true_costs
from monai_lwmisn.nas.latency import measure_network
from monai_lwmisn.networks import LWMISN, Edge, Genotype
from monai_lwmisn.profiling import parameter_count
from tests.nas.assembly import ARCHITECTURE

IMAGE = torch.rand(1, 2, 8, 8)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which runtime was asked to measure."""
    called: list[str] = []

    def run(network: nn.Module, image: torch.Tensor, runtime: str = "torch", *, threads: int = 2, **kw: int) -> float:
        called.append(f"{runtime} {threads}")
        return float(len(called))

    monkeypatch.setattr(latency, "latency_ms", run)
    return called


def test_each_operation_and_size_is_measured_once_and_kept(tmp_path: Path, runs: list[str]) -> None:
    file = tmp_path / "latency.json"
    first = LatencyTable(tmp_path)("relu", nn.ReLU(), IMAGE)
    assert LatencyTable(tmp_path)("relu", nn.ReLU(), IMAGE) == first
    assert runs == ["torch 2"]
    LatencyTable(tmp_path)("relu", nn.ReLU(), torch.rand(1, 2, 8, 9))
    LatencyTable(tmp_path)("selu", nn.SELU(), IMAGE)
    assert len(runs) == 3
    content = json.loads(file.read_text())
    assert content["milliseconds"] == {"relu 2x8x8": 1, "relu 2x8x9": 2, "selu 2x8x8": 3}
    assert content["machine"]["runtime"] == "torch" and content["machine"]["threads"] == 2


def test_another_machine_runtime_or_number_of_threads_is_measured_anew(
    tmp_path: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "latency.json"
    LatencyTable(tmp_path)("relu", nn.ReLU(), IMAGE)
    LatencyTable(tmp_path, threads=1)("relu", nn.ReLU(), IMAGE)
    LatencyTable(tmp_path, runtime="onnxruntime")("relu", nn.ReLU(), IMAGE)
    assert json.loads(file.read_text())["machine"]["runtime"] == "onnxruntime"
    monkeypatch.setattr(latency, "processor_name", lambda: "another one")
    LatencyTable(tmp_path, runtime="onnxruntime")("relu", nn.ReLU(), IMAGE)
    assert runs == ["torch 2", "torch 1", "onnxruntime 2", "onnxruntime 2"]
    assert json.loads(file.read_text())["milliseconds"] == {"relu 2x8x8": 4}


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latency.json").write_text("{")
    with pytest.raises(ConfigError, match="latency.json cannot be read .*: remove it, and it is measured anew"):
        LatencyTable(tmp_path)


def test_unknown_runtimes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="search.latency_runtime is 'tensorrt': use one of torch, onnxruntime"):
        LatencyTable(tmp_path, runtime="tensorrt")


def test_onnx_runtime_measures_an_operation(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    table = LatencyTable(tmp_path, runtime="onnxruntime", threads=1)
    assert table("conv", nn.Conv2d(2, 2, 3), IMAGE) > 0


def test_a_whole_network_is_measured() -> None:
    edges = tuple(Edge(node, predecessor, "ghost_conv_3x3") for node in range(4) for predecessor in (0, 1))
    genotype = Genotype(ARCHITECTURE, {"all": edges})
    costs = measure_network(genotype)
    assert costs["params"] == parameter_count(LWMISN(genotype))
    assert costs["latency_ms"] > 0
    assert measure_network(genotype, None)["latency_ms"] == 0


def test_a_limit_on_the_latency_is_measured_under_the_runtime_of_the_table(runs: list[str]) -> None:
    edges = {"all": tuple(Edge(node, predecessor, "identity") for node in range(4) for predecessor in (0, 1))}
    budget = {"latency_ms": 5.0}
    costs = [true_costs(ARCHITECTURE, budget, runtime)(edges) for runtime in ("torch", "onnxruntime")]
    assert [cost["latency_ms"] for cost in costs] == [1, 2] and runs == ["torch 2", "onnxruntime 2"]
    assert true_costs(ARCHITECTURE, {}, "onnxruntime")(edges)["latency_ms"] == 0
