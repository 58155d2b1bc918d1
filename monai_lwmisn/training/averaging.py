"""Keeps an exponential moving average of the weights, which is validated and saved in place of the last weights."""

from __future__ import annotations

import torch
from ignite.engine import Engine, Events
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

__all__ = ["WeightAverage"]

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]


class WeightAverage(AveragedModel):
    """Averages all parameters and floating-point buffers of a network exponentially, after every iteration.

    After n steps the average keeps the share min(decay, (1 + n) / (10 + n)) of itself, so that it forgets the initial
    weights in short runs too (the warm-up of ``tf.train.ExponentialMovingAverage``). ``state_dict`` includes the number
    of steps.

    ignite's ``EMAHandler`` has a linear warm-up only, lets integer buffers share memory with the network, and has no
    state for a checkpoint.

    Args:
        network: the network that is trained, on its device, with or without its distributed wrapper.
        decay: share of the average that a step keeps, in [0, 1); 0 makes the average a copy of the network.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        def average(averaged: Tensors, current: Tensors, steps: torch.Tensor | int) -> None:
            count = int(steps)
            weight = 1 - min(decay, (1 + count) / (10 + count))
            if averaged[0].is_floating_point():
                torch._foreach_lerp_(averaged, current, weight)
            else:
                torch._foreach_copy_(averaged, current)

        if isinstance(network, DistributedDataParallel):
            network = network.module
        super().__init__(network, multi_avg_fn=average, use_buffers=True)
        self.requires_grad_(False)
        self.eval()
        self._source = [network]  # a list keeps it from becoming a submodule of the average

    @property
    def network(self) -> nn.Module:
        """Return the network with the averaged weights."""
        return self.module

    def attach(self, engine: Engine) -> None:
        """Register with the trainer, before the handlers that validate the network."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: self.update_parameters(self._source[0]))
