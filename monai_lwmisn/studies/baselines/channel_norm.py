"""Layer normalisation over the channels of each pixel, for the light networks with attention or tokens."""

from __future__ import annotations

import torch
from torch import nn


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, H, W); see ``torch.nn.LayerNorm``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        # The ONNX exporter that traces does not support negative axes.
        last = x.dim() - 1
        return super().forward(x.movedim(1, last)).movedim(last, 1)
