"""Optimizers by name, and the schedule of the learning rate."""

import math

import pytest
import torch

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.training.optimizers import OPTIMIZERS, make_lr_scheduler, make_optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_takes_a_network_as_the_training_gives_it(name: str) -> None:
    network = torch.nn.Conv2d(1, 1, 3)
    before = network.weight.detach().clone()
    optimizer = make_optimizer(name, network, learning_rate=0.1, weight_decay=0.01)
    network(torch.ones(1, 1, 3, 3)).sum().backward()
    optimizer.step()
    assert not torch.equal(network.weight, before)


@pytest.mark.parametrize("name", ["foo", "Optimizer", "LBFGS", "adam"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"train.optimizer is '{name}': use one of .*Adam, .*SGD"):
        make_optimizer(name, torch.nn.Conv2d(1, 1, 3), 0.1, 0.0)


def test_the_learning_rate_rises_and_then_falls_as_a_half_cosine() -> None:
    optimizer = make_optimizer("SGD", torch.nn.Conv2d(1, 1, 3), learning_rate=0.8, weight_decay=0.0)
    scheduler = make_lr_scheduler(optimizer, dataloader=range(10), epochs=6, warmup_epochs=2)
    rates = []
    for _ in range(60):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[0] == pytest.approx(0.08) and rates[:21] == sorted(rates[:21])
    assert max(rates) == rates[20] == pytest.approx(0.8)
    expected = [0.4 * (1 + math.cos(math.pi * step / 40)) for step in range(40)]
    assert rates[20:] == pytest.approx(expected)
