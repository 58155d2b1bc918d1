"""Groups of processes, and the same calls without one."""

from pathlib import Path

import ignite.distributed as idist
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from monai_lwmisn.engines.distributed import (
    average_buffers,
    distribute,
    join,
    leave,
    split_between_processes,
)
from tests.engines.processes import run_group

CPU = torch.device("cpu")


def group_work(folder: Path) -> None:
    """What two processes do; each leaves what it saw."""
    join(CPU)
    rank = idist.get_rank()
    torch.manual_seed(rank)
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    unused = nn.Linear(2, 2)
    network.add_module("unused", unused)
    network[1].running_mean.fill_(float(rank))
    wrapped = distribute(nn.ModuleDict({"used": network[:2], "unused": unused}), CPU)
    assert isinstance(wrapped, DistributedDataParallel)
    average_buffers(network)
    dealt = {}
    for shuffle in (True, False):
        sampler = split_between_processes(range(5), shuffle=shuffle)  # type: ignore[arg-type]
        assert sampler is not None
        dealt[str(shuffle)] = list(sampler)
    torch.save({"weight": network[0].weight, "mean": network[1].running_mean, **dealt}, folder / f"{rank}.pt")
    leave()


def test_two_processes(tmp_path: Path) -> None:
    assert run_group(group_work, 2, tmp_path) == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(first["weight"], second["weight"])
    assert torch.equal(first["mean"], second["mean"])
    assert len(first["True"]) == len(second["True"]) == 3 and set(first["True"] + second["True"]) == set(range(5))
    assert sorted(first["False"] + second["False"]) == list(range(5))


def test_alone_nothing_is_distributed() -> None:
    join(CPU)
    network = nn.BatchNorm1d(1)
    assert distribute(network, CPU) is network
    assert split_between_processes(range(3), shuffle=True) is None  # type: ignore[arg-type]
    average_buffers(network)
    assert network.running_mean.item() == 0.0


def test_rare_samples_can_be_drawn_more_often() -> None:
    torch.manual_seed(0)
    sampler = split_between_processes(range(100), shuffle=True, weights=[0.0] * 99 + [1.0])  # type: ignore[arg-type]
    assert sampler is not None and list(sampler) == [99] * 100
