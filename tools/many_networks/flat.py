"""Lays the parameters of a network into one flat tensor, so that an optimiser's step is a few kernels for all."""

from __future__ import annotations

import torch
from torch import nn

ALIGNED = 64
"""A parameter begins at a multiple of so many values, because kernels are fastest at aligned addresses."""


def views(network: nn.Module, flat: torch.Tensor) -> list[tuple[nn.Parameter, torch.Tensor]]:
    """Return each parameter of a network with its part of a flat tensor, in the parameter's shape."""
    result, place = [], 0
    for parameter in network.parameters():
        result.append((parameter, flat[place : place + parameter.numel()].view(parameter.shape)))
        place += _room(parameter)
    return result


def flatten(network: nn.Module) -> torch.Tensor:
    """Make all parameters of a network views of one new flat tensor, and return it. Their values stay."""
    parameters = list(network.parameters())
    flat = torch.zeros(sum(map(_room, parameters)), device=parameters[0].device, dtype=parameters[0].dtype)
    for parameter, view in views(network, flat):
        view.copy_(parameter.detach())
        parameter.data = view
    return flat


def _room(parameter: nn.Parameter) -> int:
    return -(-parameter.numel() // ALIGNED) * ALIGNED
