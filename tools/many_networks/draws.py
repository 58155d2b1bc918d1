"""Draws random numbers for a batch on the device, without a wait for the processor, as a CUDA graph needs it."""

from __future__ import annotations

import math

import torch


class Draws:
    """Random numbers, one for each image of a batch.

    Args:
        batch: number of images.
        device: where the numbers are made.
    """

    def __init__(self, batch: int, device: torch.device) -> None:
        self.batch, self.device = batch, device

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Return numbers (B, *shape) between two limits."""
        return torch.rand(self.batch, *shape, device=self.device) * (high - low) + low

    def log_uniform(self, *shape: int, low: float, high: float) -> torch.Tensor:
        """Return numbers (B, *shape) between two limits, whose logarithm is uniform."""
        return torch.exp(self.uniform(*shape, low=math.log(low), high=math.log(high)))

    def chance(self, *shape: int, probability: float) -> torch.Tensor:
        """Return numbers (B, *shape) of 0 or, with some probability, 1."""
        return (self.uniform(*shape) < probability).float()
