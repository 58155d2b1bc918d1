"""Random state is a function of seed, epoch and rank."""

import random

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader, Dataset
from monai.transforms import Compose, RandGaussianNoise
from torch.utils.data.distributed import DistributedSampler

from monai_lwmisn.engines.seeds import EpochSeed, epoch_seed
from monai_lwmisn.errors import ConfigError


def epochs_seen(seed: int, start_epoch: int, workers: int = 0) -> dict[int, torch.Tensor]:
    """The batches of the epochs after ``start_epoch``, as a resumed engine would see them."""
    loader = DataLoader(
        Dataset(list(torch.arange(6.0).reshape(6, 1)), Compose([RandGaussianNoise(prob=1.0)])),
        batch_size=2,
        shuffle=True,
        num_workers=workers,
    )
    seen: dict[int, list[torch.Tensor]] = {}

    def step(engine: Engine, batch: torch.Tensor) -> None:
        draw = torch.tensor([[random.random()], [float(np.random.rand())], [float(torch.rand(()))]])  # noqa: NPY002
        seen.setdefault(engine.state.epoch, []).append(torch.cat([torch.as_tensor(batch), draw]))

    engine = Engine(step)
    EpochSeed(seed, [loader]).attach(engine)
    engine.state.max_epochs, engine.state.epoch_length = 3, 3
    engine.state.epoch, engine.state.iteration = start_epoch, 3 * start_epoch
    engine.run(loader)
    return {epoch: torch.cat(batches) for epoch, batches in seen.items()}


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_is_the_same_whether_or_not_epochs_ran_before(workers: int) -> None:
    fresh = epochs_seen(3, 0, workers)
    torch.rand(5)
    resumed = epochs_seen(3, 1, workers)
    assert sorted(fresh) == [1, 2, 3] and sorted(resumed) == [2, 3]
    for epoch in (2, 3):
        assert torch.equal(fresh[epoch], resumed[epoch])
    assert not torch.equal(fresh[1], fresh[2])


def test_another_seed_gives_another_run() -> None:
    assert not torch.equal(epochs_seen(3, 2)[3], epochs_seen(4, 2)[3])


def test_seeds_do_not_collide() -> None:
    seeds = {epoch_seed(seed, epoch, rank) for seed in range(10) for epoch in range(30) for rank in range(4)}
    assert len(seeds) == 10 * 30 * 4


def test_the_seed_is_set_before_the_iterator_is_made() -> None:
    order: list[str] = []

    class Loader(list):
        def __iter__(self):  # type: ignore[no-untyped-def]
            order.append("iterator")
            return super().__iter__()

    engine = Engine(lambda engine, batch: order.append("batch"))
    engine.add_event_handler(Events.EPOCH_STARTED, lambda: order.append("seed"))
    engine.run(Loader([0, 1]), max_epochs=2)
    assert order == ["seed", "iterator", "batch", "batch"] * 2


def test_distributed_sampler_is_told_the_epoch() -> None:
    dataset = Dataset(list(range(4)))
    sampler = DistributedSampler(dataset, num_replicas=2, rank=0)
    engine = Engine(lambda engine, batch: None)
    EpochSeed(0, [DataLoader(dataset, sampler=sampler)]).attach(engine)
    engine.run([0], max_epochs=3)
    assert sampler.epoch == 3


def test_persistent_workers_are_refused() -> None:
    loader = DataLoader(Dataset([1]), num_workers=1, persistent_workers=True)
    with pytest.raises(ConfigError, match="persistent_workers"):
        EpochSeed(0, [loader])


def test_a_resumed_run_keeps_its_seed() -> None:
    begun = EpochSeed(11, [])
    resumed = EpochSeed(0, [])
    resumed.load_state_dict(begun.state_dict())
    assert resumed.seed == 11
