"""Joins, splits and averages over the processes of a run under torchrun; with one process, does nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import ignite.distributed as idist
import torch
from monai.data import DistributedSampler, DistributedWeightedRandomSampler
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Dataset, Sampler, WeightedRandomSampler

from monai_lwmisn.errors import ConfigError

__all__ = ["average_buffers", "distribute", "join", "leave", "split_between_processes"]


_LEFT: list[Any] = []


def join(device: torch.device) -> None:
    """Join the group of processes under torchrun, with nccl on GPUs and gloo on CPUs; do nothing without torchrun."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and idist.get_world_size() == 1:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        idist.initialize("nccl" if device.type == "cuda" else "gloo")


def leave() -> None:
    """Wait until all processes are done, so that all of them see the files of rank 0, and leave their group."""
    if idist.get_world_size() > 1:
        idist.barrier()
        # The last reference to a group waits for the group's threads, which need the interpreter's lock to end. Python
        # releases the lock at its own exit, but the destructor of a DistributedDataParallel does not, which causes
        # occasional deadlocks. So this reference outlives the network's.
        _LEFT.append(torch.distributed.group.WORLD)
    idist.finalize()


def distribute(network: nn.Module, device: torch.device) -> nn.Module:
    """Return the network on the device in channels-last memory format, wrapped to share gradients between processes."""
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if idist.get_world_size() == 1:
        return network
    # A cell may leave one of its inputs unused, so some parameters have no gradient.
    device_ids = [device] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=device_ids, find_unused_parameters=True)


def split_between_processes(dataset: Dataset, shuffle: bool, weights: Sequence[float] | None = None) -> Sampler | None:
    """Return a sampler that splits the samples between the processes; None if one process draws all samples equally.

    Args:
        dataset: the dataset to sample.
        shuffle: True for training: samples are shuffled, and repeated so that all processes make equally many steps.
            False gives every sample to exactly one process.
        weights: relative frequency of each sample, drawn with replacement; None draws every sample once per epoch.

    Raises:
        ConfigError: there are fewer samples than processes.
    """
    processes = idist.get_world_size()
    samples = len(dataset)  # type: ignore[arg-type]
    if processes == 1:
        return None if weights is None else WeightedRandomSampler(weights, samples)
    if samples < processes:
        raise ConfigError(f"{samples} samples cannot be split between {processes} processes: start fewer processes.")
    if weights is not None:
        return DistributedWeightedRandomSampler(dataset, weights, even_divisible=shuffle, shuffle=shuffle)
    return DistributedSampler(dataset, even_divisible=shuffle, shuffle=shuffle)


def average_buffers(network: nn.Module) -> None:
    """Replace the floating-point buffers (statistics of batch normalisation) by their mean over the processes."""
    if idist.get_world_size() > 1:
        for buffer in network.buffers():
            if buffer.is_floating_point():
                total = idist.all_reduce(buffer.clone())
                buffer.copy_(torch.as_tensor(total) / idist.get_world_size())
