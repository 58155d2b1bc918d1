"""The moving average of weights."""

import torch
from ignite.engine import Engine
from torch import nn

from monai_lwmisn.training.averaging import WeightAverage


def steps(average: WeightAverage, network: nn.Module, values: list[float]) -> None:
    def step(engine: Engine, value: float) -> None:
        with torch.no_grad():
            network.weight.fill_(value)
            network.running_mean.fill_(-value)
            network.num_batches_tracked += 1

    engine = Engine(step)
    average.attach(engine)
    engine.run(values, max_epochs=1)


def test_follows_the_formula_in_parameters_and_buffers() -> None:
    network = nn.BatchNorm1d(1)
    average = WeightAverage(network, decay=0.3)
    values = [5.0, 1.0, 2.0, -3.0, 4.0]
    steps(average, network, values)
    expected = values[0]
    for count, value in enumerate(values[1:], start=1):
        kept = min(0.3, (1 + count) / (10 + count))
        expected = kept * expected + (1 - kept) * value
    assert torch.allclose(average.network.weight, torch.tensor([expected]))
    assert torch.allclose(average.network.running_mean, torch.tensor([-expected]))
    assert average.network.num_batches_tracked == len(values)


def test_without_decay_it_is_the_network() -> None:
    network = nn.BatchNorm1d(1)
    average = WeightAverage(network, decay=0)
    steps(average, network, [5.0, 1.0])
    for name, tensor in network.state_dict().items():
        assert torch.equal(average.network.state_dict()[name], tensor)
    assert average.network is not network and not average.network.training


def test_a_restored_average_goes_on_as_if_never_stopped() -> None:
    network = nn.BatchNorm1d(1)
    whole, first, second = (WeightAverage(network, decay=0.9) for _ in range(3))
    steps(whole, network, [5.0, 1.0, 2.0, -3.0])
    steps(first, network, [5.0, 1.0])
    second.load_state_dict(first.state_dict())
    steps(second, network, [2.0, -3.0])
    assert torch.equal(second.network.weight, whole.network.weight)


def test_the_average_is_not_trained() -> None:
    assert not any(parameter.requires_grad for parameter in WeightAverage(nn.Linear(2, 2), 0.9).parameters())
