"""Makes the optimizer of a training and the schedule of its learning rate."""

from __future__ import annotations

from collections.abc import Sized

import torch
from monai.optimizers import WarmupCosineSchedule
from torch import nn

from monai_lwmisn.errors import ConfigError

OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSprop", "SGD")
"""The optimizers of ``torch.optim`` that take any network's parameters, ``lr`` and ``weight_decay``."""

WARMUP_START = 0.1
"""Share of the learning rate at which a warm-up starts."""


def make_optimizer(name: str, network: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """Return an optimizer of all parameters of a network.

    Args:
        name: one of ``OPTIMIZERS``.
        network: the network that is trained.
        learning_rate: the highest learning rate.
        weight_decay: the weight decay.

    Raises:
        ConfigError: there is no such optimizer.
    """
    if name not in OPTIMIZERS:
        raise ConfigError(f"train.optimizer is {name!r}: use one of {', '.join(OPTIMIZERS)}.")
    return getattr(torch.optim, name)(network.parameters(), lr=learning_rate, weight_decay=weight_decay)


def make_lr_scheduler(
    optimizer: torch.optim.Optimizer, dataloader: Sized, epochs: int, warmup_epochs: float
) -> WarmupCosineSchedule:
    """Return a schedule of the learning rate by iteration: a linear warm-up, then a half cosine to zero.

    Args:
        optimizer: the optimizer whose learning rate is scheduled.
        dataloader: the batches of an epoch.
        epochs: epochs of the training.
        warmup_epochs: epochs over which the learning rate rises.
    """
    return WarmupCosineSchedule(
        optimizer,
        warmup_steps=round(warmup_epochs * len(dataloader)),
        t_total=epochs * len(dataloader),
        warmup_multiplier=WARMUP_START,
    )
