"""R2U-Net: residual blocks whose convolutions are applied again to their own result."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from monai_lwmisn.studies.baselines.attention_unet import WIDTHS, up_convolution
from monai_lwmisn.studies.baselines.registry import baseline

TIME_STEPS = 2
"""How often a convolution sees its own result (the paper's t)."""


class RecurrentConvolution(nn.Module):
    """One 3x3 convolution, applied to its input, then ``TIME_STEPS`` times to the input plus its last result.

    Source: R2U-Net, section III, equations 1 to 3; the convolution of the input and that of the result share weights.
    """

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        self.convolution = Convolution(spatial_dims, channels, channels, adn_ordering="NA", act="relu", norm="batch")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, ...) to (B, C, ...)."""
        result = self.convolution(x)
        for _ in range(TIME_STEPS):
            result = self.convolution(x + result)
        return result


class RecurrentResidualBlock(nn.Module):
    """A 1x1 convolution to the width, then two recurrent convolutions that are added to it (R2U-Net, figure 4d)."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.project = Conv["conv", spatial_dims](in_channels, out_channels, kernel_size=1)
        self.recurrent = nn.Sequential(
            RecurrentConvolution(spatial_dims, out_channels), RecurrentConvolution(spatial_dims, out_channels)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, ...) to (B, out_channels, ...)."""
        x = self.project(x)
        return x + self.recurrent(x)


@baseline(
    "r2_unet",
    source="Alom et al., 'Recurrent Residual Convolutional Neural Network based on U-Net (R2U-Net) for Medical Image "
    "Segmentation', arXiv 1802.06955, 2018, section III",
    licence="none published",
    multiple=16,
)
class R2UNet(nn.Module):
    """R2U-Net of widths 64 to 1024 with two time steps, as the tables count; volumes are not in the paper."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = Pool["max", spatial_dims](2)
        self.encoder, self.up, self.decoder = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for width in WIDTHS:
            self.encoder.append(RecurrentResidualBlock(spatial_dims, in_channels, width))
            in_channels = width
        for width in reversed(WIDTHS[:-1]):
            self.up.append(up_convolution(spatial_dims, 2 * width, width))
            self.decoder.append(RecurrentResidualBlock(spatial_dims, 2 * width, width))
        self.head = Conv["conv", spatial_dims](WIDTHS[0], out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, ...) to logits (B, out_channels, ...); sizes are divisible by 16."""
        skips: list[torch.Tensor] = []
        for index, block in enumerate(self.encoder):
            x = block(self.pool(x) if index else x)
            skips.append(x)
        skips.pop()
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat([skips.pop(), up(x)], dim=1))
        return self.head(x)
