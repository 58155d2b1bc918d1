"""Training from a run folder, end to end, by the configuration alone."""

from collections.abc import Callable
from pathlib import Path

import torch

from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.workflow.checkpoint import load_checkpoint, load_weights
from monai_lwmisn.workflow.config import execute
from monai_lwmisn.workflow.progress import read_history


def test_training_leaves_the_best_weights_and_a_history(make_run: Callable[..., Path]) -> None:
    run = make_run(train_epochs=3)
    execute(run / "configs" / "train.json")
    history = read_history(run / "train" / "history.jsonl")
    assert [line["epoch"] for line in history] == [1, 2, 3]
    assert history[-1]["loss"] < history[0]["loss"]
    assert max(line["validation_dsc"] for line in history) == history[-1]["best_dsc"]
    network = LWMISN(Genotype.load(run / "genotype.json"))
    load_weights(network, run / "models" / "model.pt")
    assert network(torch.rand(1, 3, 50, 61)).shape == (1, 1, 50, 61)
    assert load_checkpoint(run / "train" / "checkpoint.pt")["epoch"] == 3
    assert list((run / "train").glob("events*"))
