"""The costs of all networks are measured together, and only if those of one are missing."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from monai_lwmisn.networks import LWMISN
from monai_lwmisn.studies import costs as module
from monai_lwmisn.studies.costs import measure, obtain_costs
from monai_lwmisn.studies.models import input_channels
from monai_lwmisn.studies.trials import Trial
from tests.networks.small import small_genotype


def finish(out: Path, model: str, trial: str, status: str = "done", **content: Any) -> None:
    file = Trial(out, model, trial).file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"status": status, **content}))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """The parameters of the networks in each measurement."""
    calls: list[dict[str, int]] = []

    def count(networks: dict[str, nn.Module], channels: dict[str, int]) -> dict[str, dict[str, Any]]:
        assert set(channels.values()) == {3}
        calls.append({name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()})
        return {name: {"params": params, "latency_range_ms": [1.0, 2.0]} for name, params in calls[-1].items()}

    monkeypatch.setattr(module, "measure", count)
    return calls


def test_an_added_network_has_all_networks_measured_again(tmp_path: Path, measured: list[dict[str, int]]) -> None:
    genotype = small_genotype()
    finish(tmp_path, "unext_s", "seed_0")
    finish(tmp_path, "unet", "rate_0.001")
    obtain_costs(tmp_path, 3, 1)
    assert list(measured[0]) == ["unext_s"], "a pilot alone has nothing to show"
    obtain_costs(tmp_path, 3, 1)
    assert len(measured) == 1
    finish(tmp_path, "lwmisn", "search", genotype=genotype.to_dict())
    finish(tmp_path, "lwmisn", "seed_2")
    costs = obtain_costs(tmp_path, 3, 1)
    assert set(measured[1]) == set(costs) == {"unext_s", "lwmisn"}
    assert costs["lwmisn"]["params"] == sum(weights.numel() for weights in LWMISN(genotype).parameters())
    assert json.loads((tmp_path / "costs.json").read_text()) == costs


def test_times_of_a_former_release_without_their_spread_are_measured_again(
    tmp_path: Path, measured: list[dict[str, int]]
) -> None:
    finish(tmp_path, "unext_s", "seed_0")
    costs = obtain_costs(tmp_path, 3, 1)
    del costs["unext_s"]["latency_range_ms"]
    (tmp_path / "costs.json").write_text(json.dumps(costs))
    assert "latency_range_ms" in obtain_costs(tmp_path, 3, 1)["unext_s"] and len(measured) == 2


def test_another_network_of_the_same_name_is_measured_again(tmp_path: Path, measured: list[dict[str, int]]) -> None:
    for genotype in (small_genotype(), small_genotype(), small_genotype(stem_stride=1)):
        finish(tmp_path, "lwmisn", "search", genotype=genotype.to_dict())
        finish(tmp_path, "lwmisn", "seed_0")
        costs = obtain_costs(tmp_path, 3, 1)
        assert costs["lwmisn"]["params"] == sum(weights.numel() for weights in LWMISN(genotype).parameters())
    assert len(measured) == 2


def test_a_network_whose_search_is_gone_is_not_measured(tmp_path: Path, measured: list[dict[str, int]]) -> None:
    finish(tmp_path, "unext_s", "seed_0")
    for name in ("lwmisn", "darts_based", "contrast"):  # the last two are baselines with a packaged genotype too
        finish(tmp_path, name, "seed_0")
    assert set(obtain_costs(tmp_path, 3, 1)) == {"unext_s"}


def test_a_failed_network_is_not_measured(tmp_path: Path, measured: list[dict[str, int]]) -> None:
    finish(tmp_path, "unext_s", "seed_0")
    finish(tmp_path, "segresnet", "seed_0", status="failed", reason="no memory")
    finish(tmp_path, "lwmisn", "search", status="failed", reason="no memory")
    finish(tmp_path, "lwmisn", "seed_0")
    assert set(obtain_costs(tmp_path, 3, 1)) == {"unext_s"}


def test_costs_of_a_former_release_without_openvino_are_kept(tmp_path: Path, measured: list[dict[str, int]]) -> None:
    finish(tmp_path, "unext_s", "seed_0")
    obtain_costs(tmp_path, 3, 1)
    costs = obtain_costs(tmp_path, 3, 1)
    assert costs["unext_s"]["latency_openvino_ms"] is None and len(measured) == 1


def test_without_the_other_runtimes_there_are_times_under_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_installed", lambda runtime: False)
    cost = measure({"plain": nn.Conv2d(3, 1, 3, padding=1)}, {"plain": 3})["plain"]
    assert cost["latency_ms"] > 0 and cost["latency_onnx_ms"] is cost["latency_openvino_ms"] is None
    assert cost["software"] == f"torch {version('torch')}"


def test_a_network_that_onnx_cannot_express_has_no_time_there() -> None:
    class Odd(nn.Conv2d):
        def forward(self, image):  # type: ignore[no-untyped-def]
            logits = super().forward(image)
            return logits if logits.mean().item() > 0 else -logits

    networks = {"odd": Odd(3, 1, 3, padding=1), "plain": nn.Conv2d(3, 1, 3, padding=1)}
    costs = measure(networks, {"odd": 3, "plain": 3})
    for name in ("latency_onnx", "latency_openvino"):
        assert costs["odd"][f"{name}_ms"] is None and costs["plain"][f"{name}_ms"] > 0
        low, high = costs["plain"][f"{name}_range_ms"]
        assert 0 < low <= costs["plain"][f"{name}_ms"] <= high
    assert costs["odd"]["latency_ms"] > 0
    for library in ("torch", "onnxruntime", "openvino"):
        assert f"{library} {version(library)}" in costs["odd"]["software"]
    assert costs["plain"]["params"] == 28 and costs["plain"]["macs"] == 27 * 256 * 256


def test_each_network_is_measured_with_the_slices_that_it_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_installed", lambda runtime: False)
    networks = {"one": nn.Conv2d(1, 1, 3, padding=1), "five": nn.Conv2d(5, 1, 3, padding=1)}
    costs = measure(networks, {"one": 1, "five": 5})
    assert [costs[name]["macs"] for name in networks] == [9 * 256 * 256, 45 * 256 * 256]
    assert input_channels(small_genotype(in_channels=1, slices=5), 1) == 5 and input_channels(None, 1) == 1
