"""Statistics of batch normalisation measured anew."""

import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader, Dataset
from torch import nn

from monai_lwmisn.training.batch_norm import BatchNormRecalibration, recalibrate_batch_norm


def test_statistics_are_those_of_the_batches() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2, momentum=0.1), nn.ReLU())
    batches = [torch.randn(3, 2, 5, 4) * 3 + 7 for _ in range(4)]
    recalibrate_batch_norm(network, iter(batches))
    layer = network[0]
    assert torch.allclose(layer.running_mean, torch.stack([batch.mean(dim=(0, 2, 3)) for batch in batches]).mean(dim=0))
    variances = [batch.var(dim=(0, 2, 3), unbiased=True) for batch in batches]
    assert torch.allclose(layer.running_var, torch.stack(variances).mean(dim=0))
    assert layer.momentum == 0.1 and not network.training and not layer.training


def test_dropout_stays_off_while_measuring() -> None:
    network = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm1d(1))
    recalibrate_batch_norm(network, [torch.ones(4, 1)])
    assert network[1].running_mean.item() == 1.0


def test_no_batches_leave_the_statistics() -> None:
    network = nn.Sequential(nn.BatchNorm1d(1))
    network[0].running_mean.fill_(3.0)
    recalibrate_batch_norm(network, [])
    assert network[0].running_mean.item() == 3.0


def test_handler_uses_so_many_batches_every_interval() -> None:
    network = nn.Sequential(nn.BatchNorm1d(1))
    loader = DataLoader(Dataset([{"image": torch.tensor([float(value)])} for value in range(6)]), batch_size=2)
    engine = Engine(lambda engine, batch: None)
    handler = BatchNormRecalibration(network, loader, batches=2, interval=2, device=torch.device("cpu"))
    handler.attach(engine)
    seen = []
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: seen.append(network[0].running_mean.item()))
    engine.add_event_handler(Events.EPOCH_STARTED, lambda: network[0].reset_running_stats())
    engine.run([0], max_epochs=3)
    assert seen == [0.0, 1.5, 1.5]  # the images 0, 1, 2, 3; the last epoch whatever the interval
