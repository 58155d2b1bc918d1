"""The best weights are the ones in the file."""

from pathlib import Path

import torch
from ignite.engine import Engine
from torch import nn

from monai_lwmisn.networks.weights import load_checkpoint
from monai_lwmisn.training.best_weights import BestWeights


def judge(best: BestWeights, network: nn.Linear, scores: list[float]) -> None:
    for score in scores:
        engine = Engine(lambda engine, batch: None)
        best.attach(engine)
        nn.init.constant_(network.weight, score)
        engine.state.metrics["dsc"] = score
        engine.run([0])


def test_the_best_is_kept_even_across_a_resumed_run(tmp_path: Path) -> None:
    network = nn.Linear(1, 1)
    path = tmp_path / "models" / "model.pt"
    best = BestWeights(network, path)
    judge(best, network, [0.5, 0.8, 0.6])
    assert load_checkpoint(path)["weight"].item() == torch.tensor(0.8)
    resumed = BestWeights(network, path)
    resumed.load_state_dict(best.state_dict())
    judge(resumed, network, [0.7])
    assert load_checkpoint(path)["weight"].item() == torch.tensor(0.8)
    judge(resumed, network, [0.9])
    assert load_checkpoint(path)["weight"].item() == torch.tensor(0.9)


def test_where_its_images_are_learned_from_the_newest_weights_are_kept(tmp_path: Path) -> None:
    network = nn.Linear(1, 1)
    best = BestWeights(network, tmp_path / "model.pt", parts=["training", "validation"])
    judge(best, network, [0.5, 0.8, 0.6])
    assert load_checkpoint(tmp_path / "model.pt")["weight"].item() == torch.tensor(0.6)
