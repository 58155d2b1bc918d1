"""Recalibrates the statistics of batch normalisation, because running statistics of small batches are noisy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from monai_lwmisn.engines.distributed import average_buffers
from monai_lwmisn.training.validation import every_and_last

__all__ = ["BatchNormRecalibration", "recalibrate_batch_norm"]


@torch.no_grad()
def recalibrate_batch_norm(network: nn.Module, images: Iterable[torch.Tensor]) -> None:
    """Set the running mean and variance of every batch normalisation to their mean over the given batches.

    ``torch.optim.swa_utils.update_bn`` puts the whole network in training mode. Drop-path and dropout would then act,
    and the statistics would not be those of the network that is evaluated.

    Args:
        network: the network; it is left in evaluation mode.
        images: batches (B, C, H, W) on the device of the network. Without any batch the statistics stay as they are.
    """
    network.eval()
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    iterator = iter(images)
    first = next(iterator, None)
    if first is None or not layers:
        return
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # None means an equally weighted mean over the batches
        layer.train()
    network(first)
    for batch in iterator:
        network(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()


class BatchNormRecalibration:
    """Recalibrates a network on augmented training batches, every ``interval`` epochs and in the last epoch.

    In a group of processes each process uses its own part of the data, and the statistics are averaged. Neither ignite
    nor MONAI has such a handler.

    Args:
        network: the network that is validated.
        loader: the training data; samples are dictionaries with ``image`` (C, H, W).
        batches: number of batches per recalibration.
        interval: number of epochs from one recalibration to the next.
        device: the device of the network.
    """

    def __init__(
        self, network: nn.Module, loader: DataLoader, batches: int, interval: int, device: torch.device
    ) -> None:
        self.network = network
        self.loader = loader
        self.batches = batches
        self.interval = interval
        self.device = device

    def attach(self, engine: Engine) -> None:
        """Register with the trainer, before the handler that validates."""
        engine.add_event_handler(every_and_last(self.interval), self)

    def __call__(self, engine: Engine) -> None:
        """Recalibrate now."""
        recalibrate_batch_norm(self.network, self._images())
        average_buffers(self.network)

    def _images(self) -> Iterator[torch.Tensor]:
        for batch in islice(self.loader, self.batches):
            yield torch.as_tensor(batch["image"]).to(self.device)
