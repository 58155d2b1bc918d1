"""R2U-Net: residual blocks of recurrent convolutions."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from torch import nn

from monai_lwmisn.studies.baselines.attention_unet import WIDTHS, up_convolution
from monai_lwmisn.studies.baselines.registry import baseline

TIME_STEPS = 2
"""Number of times that a convolution is applied to its own result (t in the publication)."""


class RecurrentConvolution(nn.Module):
    """One 3x3 convolution, applied to its input, then ``TIME_STEPS`` times to the input plus its last result.

    Source: R2U-Net, section III, equations 1 to 3; the convolution of the input and that of the result share weights.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = Convolution(2, channels, channels, adn_ordering="NA", act="relu", norm="batch")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        result = self.convolution(x)
        for _ in range(TIME_STEPS):
            result = self.convolution(x + result)
        return result


class RecurrentResidualBlock(nn.Module):
    """A 1x1 convolution to the width, plus two recurrent convolutions of its result (R2U-Net, figure 4d)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(in_channels, out_channels, kernel_size=1)
        self.recurrent = nn.Sequential(RecurrentConvolution(out_channels), RecurrentConvolution(out_channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
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
    """R2U-Net with widths 64 to 1024 with two time steps. It has the parameters of the paper's tables."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.encoder, self.up, self.decoder = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for width in WIDTHS:
            self.encoder.append(RecurrentResidualBlock(in_channels, width))
            in_channels = width
        for width in reversed(WIDTHS[:-1]):
            self.up.append(up_convolution(2 * width, width))
            self.decoder.append(RecurrentResidualBlock(2 * width, width))
        self.head = nn.Conv2d(WIDTHS[0], out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 16."""
        skips: list[torch.Tensor] = []
        for index, block in enumerate(self.encoder):
            x = block(self.pool(x) if index else x)
            skips.append(x)
        skips.pop()
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat([skips.pop(), up(x)], dim=1))
        return self.head(x)
