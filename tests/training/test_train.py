"""Training from a run folder, end to end, by the configuration alone."""

import json
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import ignite.distributed as idist
import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow

from monai_lwmisn.config import execute
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_checkpoint, load_weights
from tests.engines.processes import run_group, run_process

MakeRun = Callable[..., Path]


def train(run: Path, resume: bool = False, kill_at: int | None = None) -> None:
    """Train, or be killed at an iteration."""
    torch.set_num_threads(1)
    workflow = ConfigWorkflow(run / "configs" / "train.json", logging_file=False, workflow_type="train", resume=resume)
    workflow.initialize()
    if kill_at is not None:
        trainer = workflow.parser.get_parsed_content("train#trainer")
        trainer.add_event_handler(
            Events.ITERATION_COMPLETED(once=kill_at), lambda: os.kill(os.getpid(), signal.SIGKILL)
        )
    workflow.run()
    if idist.get_world_size() > 1:
        network = workflow.parser.get_parsed_content("network")
        average = workflow.parser.get_parsed_content("train#average").network
        state = {"network": network.module.state_dict(), "average": average.state_dict()}
        torch.save(state, run / f"rank{idist.get_rank()}.pt")
    workflow.finalize()


def results(run: Path) -> tuple[list[dict], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    history = [
        {name: value for name, value in line.items() if name != "seconds"}
        for line in read_history(run / "train" / "history.jsonl")
    ]
    last = load_checkpoint(run / "train" / "checkpoint.pt")["objects"]["network"]
    return history, last, load_checkpoint(run / "models" / "model.pt")


def assert_equal_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


def test_training_leaves_the_best_weights_and_a_history(make_run: MakeRun) -> None:
    run = make_run(settings={"train.epochs": 3, "train.val_interval": 2})
    train(run)
    history, _, _ = results(run)
    assert [line["epoch"] for line in history] == [1, 2, 3]
    assert history[-1]["loss"] < history[0]["loss"]
    assert ["validation_dsc" in line for line in history] == [False, True, True]
    assert max(line["validation_dsc"] for line in history[1:]) == history[-1]["best_dsc"]
    network = LWMISN(Genotype.load(run / "genotype.json"))
    load_weights(network, run / "models" / "model.pt")
    assert network(torch.rand(1, 3, 50, 61)).shape == (1, 1, 50, 61)
    assert list((run / "train").glob("events*"))


def test_killed_and_resumed_equals_uninterrupted(make_run: MakeRun) -> None:
    whole, killed = (
        make_run(name, settings={"train.epochs": 3, "data.num_workers": 0}) for name in ("whole", "killed")
    )
    train(whole)
    steps_per_epoch = load_checkpoint(whole / "train" / "checkpoint.pt")["epoch_length"]
    assert run_process(train, killed, kill_at=steps_per_epoch + 1) == -signal.SIGKILL
    assert load_checkpoint(killed / "train" / "checkpoint.pt")["epoch"] == 1
    train(killed, resume=True)
    (history, last, best), (history_resumed, last_resumed, best_resumed) = results(whole), results(killed)
    assert history == history_resumed
    assert_equal_weights(last, last_resumed)
    assert_equal_weights(best, best_resumed)


def test_two_processes_hold_equal_weights(make_run: MakeRun) -> None:
    run = make_run()
    assert run_group(train, 2, run) == [0, 0]
    first, second = (torch.load(run / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert_equal_weights(first["average"], second["average"])
    # Running statistics of the trained network itself are each rank's own; the average is what is judged.
    trained = [name for name in first["network"] if "running" not in name]
    assert_equal_weights({name: first["network"][name] for name in trained}, {n: second["network"][n] for n in trained})
    assert len(read_history(run / "train" / "history.jsonl")) == 2


@pytest.mark.parametrize("preset", ["liver_ct", "prostate_mr", "hippocampus_mr"])
def test_volumes_are_learned_slice_by_slice(make_run: MakeRun, preset: str) -> None:
    run = make_run(preset=preset, settings={"train.epochs": 1})
    execute(run / "configs" / "train.json")
    items = json.loads((run / "datalist.json").read_text())["training"]
    steps = load_checkpoint(run / "train" / "checkpoint.pt")["epoch_length"]
    assert steps > len(items)
    assert read_history(run / "train" / "history.jsonl")[0]["validation_dsc"] >= 0


def test_the_published_recipe(make_run: MakeRun) -> None:
    published = {"train.epochs": 1, "train.warmup_epochs": 0, "train.ema_decay": 0, "data.spatial": []}
    run = make_run(variant="paper", settings=published)
    workflow = ConfigWorkflow(run / "configs" / "train.json", logging_file=False, workflow_type="train")
    workflow.initialize()
    optimizer = workflow.parser.get_parsed_content("optimizer")
    assert type(optimizer) is torch.optim.Adam
    assert (optimizer.defaults["lr"], optimizer.defaults["weight_decay"]) == (0.006, 0.0002)
    workflow.run()
    _, last, best = results(run)
    assert_equal_weights(
        {name: value for name, value in last.items() if "running" not in name},
        {name: value for name, value in best.items() if "running" not in name},
    )


def test_monai_bundle_runs_the_same_file(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, monais = (make_run(name, settings={"train.epochs": 1}) for name in ("ours", "monais"))
    execute(ours / "configs" / "train.json")
    config = monais / "configs" / "train.json"
    arguments = ["run", "--config_file", str(config), "--bundle_root", str(monais), "--logging_file", "False"]
    monkeypatch.setattr(sys, "argv", ["monai.bundle", *arguments])
    runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
    assert_equal_weights(results(ours)[2], results(monais)[2])
