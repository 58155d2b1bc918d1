"""One process or many: what a run under torchrun needs, and what is the same without it."""

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
    """Under torchrun, join the group of processes: by nccl on GPUs, by gloo on CPUs. Alone, do nothing."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and idist.get_world_size() == 1:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        idist.initialize("nccl" if device.type == "cuda" else "gloo")


def leave() -> None:
    """Wait until all processes are done, so that all see the files of the first, and leave their group."""
    if idist.get_world_size() > 1:
        idist.barrier()
        # Who lets go of a group last waits for its threads to end, for which they need the interpreter's lock. Python
        # hands it over then; a DistributedDataParallel that is taken down later keeps it, and hangs now and then.
        _LEFT.append(torch.distributed.group.WORLD)
    idist.finalize()


def distribute(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network to the device in the channels-last memory format; in a group of processes, share gradients."""
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if idist.get_world_size() == 1:
        return network
    # A cell need not use both of its inputs, so parameters without a gradient are no mistake.
    device_ids = [device] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=device_ids, find_unused_parameters=True)


def split_between_processes(dataset: Dataset, shuffle: bool, weights: Sequence[float] | None = None) -> Sampler | None:
    """
    A sampler that deals the samples out to the processes; None for a single one that draws all samples alike.

    Args:
        dataset: what is sampled.
        shuffle: for training: shuffled, and filled up so that all processes make the same number of steps. Otherwise
            every sample is dealt out exactly once.
        weights: how often each sample is drawn, in proportion, with replacement; None for every sample once an epoch.

    Raises:
        ConfigError: for fewer samples than processes.
    """
    processes = idist.get_world_size()
    samples = len(dataset)  # type: ignore[arg-type]
    if processes == 1:
        return None if weights is None else WeightedRandomSampler(weights, samples)
    if samples < processes:
        raise ConfigError(f"{samples} samples cannot be dealt out to {processes} processes: start fewer processes.")
    if weights is not None:
        return DistributedWeightedRandomSampler(dataset, weights, even_divisible=shuffle, shuffle=shuffle)
    return DistributedSampler(dataset, even_divisible=shuffle, shuffle=shuffle)


def average_buffers(network: nn.Module) -> None:
    """Make the floating-point buffers (statistics of batch normalisation) their mean over the processes."""
    if idist.get_world_size() > 1:
        for buffer in network.buffers():
            if buffer.is_floating_point():
                total = idist.all_reduce(buffer.clone())
                buffer.copy_(torch.as_tensor(total) / idist.get_world_size())
