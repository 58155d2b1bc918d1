"""Searches from raw data to a genotype, through the run folder and the configuration alone."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import monai
import pytest
import torch

from monai_lwmisn import profiling
from monai_lwmisn import run as run_folder
from monai_lwmisn.config import CONFIGS, resolve
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import BudgetError, ConfigError, ResourceError
from monai_lwmisn.files import write_json
from monai_lwmisn.nas import SearchTrainer, ShortTraining, memory
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_checkpoint
from monai_lwmisn.profiling import parameter_count
from tests.engines.processes import run_group, run_process
from tests.networks.small import small_genotype

# The crops of the preset are larger than the made images.
FLIP = {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0}
SMALL: dict[str, Any] = {
    "search.strategy": "differentiable",
    "search.search_space": "lwmisn",
    "search.alpha_groups": "stages",
    "architecture.cells": {"encoder": 1, "middle": 1, "decoder": 1},
    "architecture.node_width": [4, 4],
    "search.lambda_latency": 0.0,
    "device": "cpu",
}
QUICK = SMALL | {
    "data.num_workers": 0,
    "data.augmentation": [FLIP],
    "data.validation_fraction": 0.34,
    "search.epochs": 2,
    "search.warmup_epochs": 0,
    "search.alpha_seeds": 1,
    "search.batch_size": 2,
    "search.alpha_learning_rate": 0.1,
}


def search(run: Path, data: Path | None, resume: bool = False, kill_at: int = 0, **settings: Any) -> None:
    """Search with the preset ``nuclei``; in a process of its own, be killed at the start of an iteration."""
    torch.set_num_threads(1)
    step = SearchTrainer._alpha_step

    def killed_or_step(self: SearchTrainer) -> None:
        if self.state.iteration == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        step(self)

    if kill_at:
        SearchTrainer._alpha_step = killed_or_step  # type: ignore[method-assign]
    if resume:
        run_folder.search(run, resume=True)
    else:
        own = {f"search.{name}": value for name, value in settings.items()}
        run_folder.search(run, preset="nuclei", data=data, settings=QUICK | own)


def history(run: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_history(run / "search/history.jsonl")]


def test_a_search_leaves_a_genotype_within_its_budget(nuclei_phantom: Path, tmp_path: Path) -> None:
    limit = 2_200
    search(tmp_path / "run", nuclei_phantom, budget_params=limit, lambda_latency=0.01)
    run = tmp_path / "run"
    genotype = Genotype.load(run / "genotype.json")
    assert parameter_count(LWMISN(genotype)) <= limit
    assert genotype.architecture.node_width == (4, 4) and set(genotype.edges) == {"encoder", "middle", "decoder"}
    first, second = history(run)
    assert first["alpha"] != second["alpha"]
    assert set(first["costs"]) == {"params", "macs", "latency_ms"} and first["costs"]["latency_ms"] > 0
    assert json.loads((run / "search/latency.json").read_text())["machine"]["runtime"] == "torch"
    assert set(json.loads((run / "datalist.json").read_text())) == {"training", "validation", "test", "split"}
    assert list((run / "search").glob("events*"))


def test_a_killed_and_resumed_search_equals_an_uninterrupted_one(nuclei_phantom: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    search(whole, nuclei_phantom, alpha_seeds=2)
    steps = load_checkpoint(whole / "search/checkpoint.pt")["epoch_length"]
    assert run_process(search, killed, nuclei_phantom, kill_at=2 * steps + 2, alpha_seeds=2) == -signal.SIGKILL
    assert load_checkpoint(killed / "search/checkpoint.pt")["epoch"] == 2
    assert not (killed / "genotype.json").exists()
    search(killed, None, resume=True)
    assert history(killed) == history(whole) and len(history(whole)) == 4
    for name in ("genotype.json", "search/alpha_report.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    first, second = (load_checkpoint(run / "search/checkpoint.pt")["objects"]["network"] for run in (whole, killed))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def search_in_group(run: Path, data: Path) -> None:
    """Search as one of several processes, and leave alpha and the costs as this one has them."""
    whole_search = SearchTrainer.search

    def search_and_save(self: SearchTrainer, genotype_file: str | os.PathLike, resume: bool = False) -> None:
        whole_search(self, genotype_file, resume)
        costs = self.objective.table.per_operation
        state = {"alpha": self.supernet.alpha.detach(), "costs": costs, "multipliers": self.objective.multipliers}
        torch.save(state, run.parent / f"rank{idist.get_rank()}.pt")

    SearchTrainer.search = search_and_save  # type: ignore[method-assign]
    # A limit on the latency is refused beside other programs, such as other tests.
    profiling.FREE_CORES = profiling.WIDEST_SPREAD = float("inf")
    search(run, data, budget_params=3_000, lambda_latency=0.01, budget_latency_ms=100_000)


def test_two_processes_agree_on_alpha(nuclei_phantom: Path, tmp_path: Path) -> None:
    assert run_group(search_in_group, 2, tmp_path / "run", nuclei_phantom) == [0, 0]
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(first["alpha"], second["alpha"])
    assert torch.equal(first["costs"], second["costs"]) and first["multipliers"] == second["multipliers"]
    assert len(history(tmp_path / "run")) == 2
    Genotype.load(tmp_path / "run/genotype.json")


def test_the_published_search_runs_an_epoch(nuclei_phantom: Path, tmp_path: Path) -> None:
    """Seven cells in mode full with the published loss; the width, on which nothing else depends, is a sixth."""
    resize = {"spatial_size": [64, 64], "keys": ["image", "label"], "mode": ["bilinear", "nearest"]}
    settings = {
        "data.spatial": [{"_target_": "Resized", "allow_missing_keys": True, **resize}],
        "architecture.node_width": [8, 8, 8],
        "search.epochs": 1,
        "device": "cpu",
    }
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", variant="paper", data=nuclei_phantom, settings=settings)
    genotype = Genotype.load(run / "genotype.json")
    assert genotype.architecture.cells == {"encoder": 2, "middle": 3, "decoder": 2} and set(genotype.edges) == {"all"}
    (line,) = history(run)
    assert line["loss"] > 0 and len(line["alpha"]) == 14
    assert "zero" in line["alpha"]["all/0<-0"] and "seed" not in line
    assert json.loads((run / "search/alpha_report.json").read_text())["candidates"] == 8


CONTRAST = {"search.mode": "partial", "architecture.topology": "contrast", "search.stable_epochs": 1}
NEIGHBOURS = {"search.strategy": "evolve", "search.slices": [3], "data.augmentation": [FLIP]}
NEIGHBOURS |= {f"search.{name}": 1 for name in ("trials", "trial_epochs", "first_rung", "finalists", "finalist_seeds")}


def test_drawn_networks_learn_from_neighbouring_slices(mr_phantom: Path, tmp_path: Path) -> None:
    run, own = tmp_path / "run", {"search.budget_params": 60_000, **NEIGHBOURS}
    run_folder.search(run, preset="prostate_mr", data=mr_phantom, settings=SMALL | own)
    assert Genotype.load(run / "genotype.json").architecture.input_channels == 3


@pytest.mark.parametrize("settings", [{}, CONTRAST | {"architecture.slices": 5}])
def test_slices_of_volumes_are_searched(mr_phantom: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    own = {"search.epochs": 1, "search.alpha_seeds": 1, "architecture.node_width": [2, 2], **settings}
    run = tmp_path / "run"
    run_folder.search(run, preset="prostate_mr", data=mr_phantom, settings=SMALL | own)
    architecture = Genotype.load(run / "genotype.json").architecture
    assert (architecture.input_channels, architecture.topology) == ((5, "contrast") if settings else (1, "u"))
    # A case of the phantom has twelve slices, of which the search takes batches of eight.
    assert load_checkpoint(run / "search/checkpoint.pt")["epoch_length"] < 12


def test_random_genotypes_come_from_the_same_space(nuclei_phantom: Path, tmp_path: Path) -> None:
    genotypes = []
    for seed, shape, limit in ((0, "given", 3_000), (0, "given", 3_000), (1, "given", 3_000), (0, "drawn", 400_000)):
        run = tmp_path / str(len(genotypes))
        own = {"search.strategy": "random", "search.genotype_seed": seed, "search.budget_params": limit}
        own |= {"search.shape": shape}
        run_folder.search(run, preset="nuclei", data=nuclei_phantom, settings=SMALL | own)
        genotypes.append(Genotype.load(run / "genotype.json"))
        assert parameter_count(LWMISN(genotypes[-1])) <= limit
    assert genotypes[0] == genotypes[1] != genotypes[2]
    assert genotypes[0].architecture == genotypes[2].architecture != genotypes[3].architecture
    lists = [(tmp_path / name / "datalist.json").read_text() for name in "02"]
    assert lists[0] == lists[1]


def test_whole_networks_are_searched_and_an_interrupted_search_goes_on(
    nuclei_phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {
        "strategy": "evolve",
        "reference": None,  # times differ from search to search
        "trials": 2,
        "trial_epochs": 2,
        "first_rung": 1,
        "finalists": 1,
        "budget_params": 60_000,
    }
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    search(whole, nuclei_phantom, **own)
    calls: list[Path] = []
    train = ShortTraining.__call__

    def interrupted(self: ShortTraining, genotype: Genotype, folder: Path, seed: int, until: int) -> float:
        calls.append(folder)
        if len(calls) in (2, 4):
            raise KeyboardInterrupt
        return train(self, genotype, folder, seed, until)

    monkeypatch.setattr(ShortTraining, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(parts, nuclei_phantom, **own)
    with pytest.raises(ConfigError, match="is not finished: finish it first"):
        run_folder.train(parts)
    with pytest.raises(KeyboardInterrupt):
        search(parts, None, resume=True)
    search(parts, None, resume=True)
    genotype = Genotype.load(parts / "genotype.json")
    assert genotype == Genotype.load(whole / "genotype.json") and parameter_count(LWMISN(genotype)) <= 60_000
    tables = [(run / "search/trials.csv").read_text() for run in (whole, parts)]
    assert tables[0] == tables[1] and len(tables[0].splitlines()) == 3
    kept = {path.name for run in (whole, parts) for path in (run / "search").rglob("*") if path.is_file()}
    assert kept == {"study.log", "history.jsonl", "trials.csv"}


def test_a_given_genotype_becomes_that_of_the_run(nuclei_phantom: Path, tmp_path: Path) -> None:
    small_genotype().save(tmp_path / "given.json")
    own = {"search.strategy": "given", "search.genotype": str(tmp_path / "given.json")}
    run = tmp_path / "run"
    assert run_folder.search(run, preset="nuclei", data=nuclei_phantom, settings=SMALL | own) == small_genotype()
    assert (run / "genotype.json").read_bytes() == (tmp_path / "given.json").read_bytes()
    assert (run / "datalist.json").exists() and not (run / "search").exists()


def test_monai_runs_the_search_of_a_run_folder(nuclei_phantom: Path, tmp_path: Path) -> None:
    """As ``python -m monai.bundle run`` does, with a value set on the way."""
    config = resolve("nuclei", overrides=QUICK)["search"]
    write_json(config, tmp_path / "configs/search.json")
    places = {"bundle_root": str(tmp_path), "dataset_dir": str(nuclei_phantom)}
    monai.bundle.run(config_file=str(tmp_path / "configs/search.json"), **places, **{"search#epochs": 1})
    assert len(history(tmp_path)) == 1 and Genotype.load(tmp_path / "genotype.json").architecture.node_width == (4, 4)


def test_the_configuration_of_the_search_is_short_and_has_no_code() -> None:
    config = resolve("nuclei")["search"]
    own = json.loads((CONFIGS / "search.json").read_text())
    expressions = re.findall(r'"(\$[^"]*)"', json.dumps({**own, "imports": []}))
    assert len(expressions) <= 12
    assert not any("monai_lwmisn" in text for text in [*expressions, *own["imports"]])
    # Every setting of the search is used by one of its strategies.
    used = set(re.findall(r"@search::(\w+)", json.dumps(own)))
    assert used == {name for name, value in config["search"].items() if name not in own["search"]} - {"strategy"}


def test_a_budget_that_cannot_be_kept_is_refused_before_anything_is_written(
    nuclei_phantom: Path, tmp_path: Path
) -> None:
    with pytest.raises(BudgetError, match="the smallest has params="):
        search(tmp_path / "run", nuclei_phantom, budget_params=10)
    assert not (tmp_path / "run").exists()


def test_a_search_that_cannot_fit_is_refused(
    nuclei_phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    with pytest.raises(ResourceError, match="are free: use images of at most"):
        search(tmp_path / "run", nuclei_phantom)
    assert not (tmp_path / "run").exists()
