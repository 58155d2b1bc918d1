"""Optimizers by name: each works on any network, others are refused with the names there are."""

import pytest
import torch

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.training.optimizers import OPTIMIZERS, find_optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_takes_a_network_as_the_training_gives_it(name: str) -> None:
    network = torch.nn.Conv2d(1, 1, 3)
    before = network.weight.detach().clone()
    optimizer = find_optimizer(name)(network.parameters(), lr=0.1, weight_decay=0.01)  # type: ignore[call-arg]
    network(torch.ones(1, 1, 3, 3)).sum().backward()
    optimizer.step()
    assert not torch.equal(network.weight, before)


@pytest.mark.parametrize("name", ["foo", "Optimizer", "LBFGS", "adam"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"train_optimizer is '{name}': use one of .*Adam, .*SGD"):
        find_optimizer(name)
