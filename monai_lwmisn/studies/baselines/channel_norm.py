"""Normalisation of each pixel over its channels, as the light networks with attention or tokens use it."""

from __future__ import annotations

import torch
from torch import nn


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, ...); see ``torch.nn.LayerNorm``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, ...) to (B, C, ...)."""
        # Counted from the first axis: the exporter to ONNX that traces does not know negative ones.
        last = x.dim() - 1
        return super().forward(x.movedim(1, last)).movedim(last, 1)
