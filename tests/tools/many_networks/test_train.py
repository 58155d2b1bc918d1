"""A whole training of two networks on a CPU, with a clock that goes on by itself."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from monai_lwmisn.errors import ConfigError, TrainingError
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_weights
from tools.many_networks import clock
from tools.many_networks.cache import Cache, read_cache, write_cache
from tools.many_networks.score import score
from tools.many_networks.store import Store
from tools.many_networks.train import train

ENTRY = {"augmentation": "hippocampus_mild", "batch": 4, "crop": 24, "learning_rate": 0.01, "parts": ["training"]}


@pytest.fixture
def places(tmp_path: Path, volumes: Cache, volume_run: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A cache, a folder to write into, and a genotype beside the plan; each look at the clock is a hundredth later."""
    write_cache(volumes, tmp_path / "caches" / "volumes.npz", quality=95, colour_quality=95)
    (tmp_path / "genotype.json").write_bytes((volume_run / "genotype.json").read_bytes())
    ticks = itertools.count()
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 100))
    return {"plan": tmp_path / "plan.json", "caches": tmp_path / "caches", "out": tmp_path / "out"}


def write_plan(path: Path, *entries: dict) -> None:
    path.write_text(
        json.dumps([{**ENTRY, "cache": "volumes", "genotype": "genotype.json", **each} for each in entries])
    )


def test_a_training_lowers_the_loss_and_writes_weights_of_the_network(
    places: dict[str, Path], volumes: Cache, volume_run: Path
) -> None:
    write_plan(places["plan"], {"name": "a"}, {"name": "b", "parts": ["training", "validation"], "seed": 1})
    train(**places, seconds=1.0, device="cpu")
    networks = json.loads((places["out"] / "results.json").read_text())["networks"]
    assert list(networks) == ["a", "b"]
    for name, record in networks.items():
        assert record["losses"][-1]["loss"] < 0.8 * record["losses"][0]["loss"]
        genotype = Genotype.load(places["out"] / f"{name}_genotype.json")
        assert genotype == Genotype.load(volume_run / "genotype.json")
        network = load_weights(LWMISN(genotype), places["out"] / f"{name}.pt").eval()
        assert record["parameters"] == sum(each.numel() for each in network.parameters())
    validation = [case.name for case in volumes.cases if case.part == "validation"]
    # b has learned from the validation part, so it has no figure of it.
    assert "validation" not in networks["b"]
    assert list(networks["a"]["validation"]["cases"]) == validation
    store = Store(read_cache(places["caches"] / "volumes.npz"), 3, torch.device("cpu"))
    network = load_weights(LWMISN(genotype), places["out"] / "a.pt").eval()
    assert score(network, store, validation) == networks["a"]["validation"]


def test_a_loss_that_is_not_finite_ends_the_training(places: dict[str, Path]) -> None:
    write_plan(places["plan"], {"name": "a", "learning_rate": 1e30})
    with pytest.raises(TrainingError, match="The loss of a is not finite"):
        train(**places, seconds=1.0, device="cpu")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "a", "parts": ["training", "test"]}, "no part 'test'"),
        ({"name": "a", "without_chunk": 1}, "no chunk 1"),
        ({"name": "a", "parts": ["train"]}, "name some of"),
        ({"name": "a/b"}, "use letters"),
        ({"name": "a", "lr": 1}, r"unknown \['lr'\]"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused(places: dict[str, Path], entry: dict, said: str) -> None:
    write_plan(places["plan"], entry)
    with pytest.raises(ConfigError, match=said):
        train(**places, seconds=1.0, device="cpu")
    assert not places["out"].exists()
