"""Learning from a handful of images: statistics stay, and the served weights are half way."""

import pytest
import torch
from ignite.engine import Engine
from monailabel.tasks.train.bundle import BundleTrainTask
from torch import nn

from monai_lwmisn.label.training import KeepStatistics, SafeTrainTask, mean_weights

pytestmark = pytest.mark.label


def test_batch_statistics_are_used_as_they_are_and_kept() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3))
    network[1].running_mean.fill_(0.25)
    images = torch.rand(2, 1, 4, 4)
    expected = network.eval()(images)
    outputs = []

    def step(engine: Engine, batch: torch.Tensor) -> None:
        outputs.append(network.train()(batch))

    engine = Engine(step)
    KeepStatistics(network).attach(engine)
    engine.run([images])
    torch.testing.assert_close(outputs[0], expected)
    assert (network[1].running_mean == 0.25).all() and network[1].num_batches_tracked == 0
    assert network[0].training, "the rest learns"


def test_the_mean_is_half_way_and_counts_are_the_learned_ones() -> None:
    served = {"weight": torch.tensor([0.0, 2.0]), "count": torch.tensor(3)}
    learned = {"weight": torch.tensor([1.0, 0.0]), "count": torch.tensor(7)}
    mean = mean_weights(served, learned)
    assert mean["weight"].tolist() == [0.5, 1.0] and mean["count"] == 7


def test_a_request_may_set_the_learning_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BundleTrainTask, "config", lambda self: {"max_epochs": 50})
    task = SafeTrainTask.__new__(SafeTrainTask)
    assert set(task.config()) == {"max_epochs", "learning_rate"}
