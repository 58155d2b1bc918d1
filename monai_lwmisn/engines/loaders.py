"""Makes the data loaders of search, training and evaluation, for one process or many."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import ignite.distributed as idist
import torch
from monai.data import DataLoader
from torch.utils.data import Dataset

from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.engines.distributed import split_between_processes

GPU_WORKERS = 4
"""Processes that load data for a GPU if ``num_workers`` is None."""

CPU_WORKERS = 1 if sys.platform == "linux" else 0
"""Processes that load training data without a GPU. One augments the next batches while the network learns.

Linux forks it in each epoch. Other systems start it anew, which takes seconds.
"""


def training_loader(
    dataset: Dataset,
    batch_size: int,
    num_workers: int | None,
    device: torch.device,
    balance_strata: float = 0.0,
    items: Sequence[Item] = (),
) -> DataLoader:
    """Return a loader of shuffled batches (B, C, H, W); an incomplete last batch is dropped unless it is the only one.

    Args:
        dataset: images (C, H, W), or the slices of volumes.
        batch_size: images per batch of one process.
        num_workers: processes that load data; None means 4 with a GPU, and without one 1 on Linux and 0 elsewhere.
        device: the device that the batches go to.
        balance_strata: how strongly rare strata are drawn more often, see :func:`stratum_weights`; pictures only.
        items: the items of the dataset, needed for ``balance_strata``.

    Raises:
        ConfigError: there are fewer samples than processes.
    """
    count = len(dataset)  # type: ignore[arg-type]
    # The slices of volumes are more samples than there are items, and have no strata.
    weights = stratum_weights(items, balance_strata) if len(items) == count else None
    sampler = split_between_processes(dataset, shuffle=True, weights=weights)
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        shuffle=sampler is None,
        drop_last=count > batch_size * idist.get_world_size(),
        **_loading(num_workers, device, CPU_WORKERS),
    )


def evaluation_loader(dataset: Dataset, num_workers: int | None, device: torch.device) -> DataLoader:
    """Return a loader of one image or volume at a time; each goes to exactly one process.

    Args:
        dataset: images or volumes of any size.
        num_workers: processes that load data; None means 4 with a GPU and 0 without, because images are not augmented
            here, and those that wait for the network would take memory.
        device: the device that the batches go to.
    """
    sampler = split_between_processes(dataset, shuffle=False)
    return DataLoader(dataset, batch_size=1, sampler=sampler, **_loading(num_workers, device, 0))


def stratum_weights(items: Sequence[Item], exponent: float) -> list[float] | None:
    """Return the sampling weight of each image, which is larger for rarer strata.

    Args:
        items: the training part of a datalist.
        exponent: 0 draws all images equally often, 1 draws all strata equally often. At 0.5 the share of a stratum is
            proportional to the square root of its size.

    Returns:
        One weight per item, or None if all would be equal.
    """
    sizes = Counter(item.get("stratum", "") for item in items)
    if exponent == 0 or len(sizes) < 2:
        return None
    return [sizes[item.get("stratum", "")] ** -exponent for item in items]


def _loading(num_workers: int | None, device: torch.device, without_gpu: int) -> dict[str, Any]:
    on_gpu = device.type == "cuda"
    if num_workers is None:
        num_workers = GPU_WORKERS if on_gpu else without_gpu
    return {"num_workers": num_workers, "pin_memory": on_gpu}
