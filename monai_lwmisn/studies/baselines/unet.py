"""U-net with half of the published widths, as the paper's count of parameters suggests."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline

WIDTHS = (32, 64, 128, 256, 512)


def double_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with normalisation and activation."""
    return nn.Sequential(
        Convolution(2, in_channels, out_channels, adn_ordering="NA", act="relu", norm="batch"),
        Convolution(2, out_channels, out_channels, adn_ordering="NA", act="relu", norm="batch"),
    )


@baseline(
    "unet",
    source="Ronneberger, Fischer and Brox, 'U-Net: Convolutional Networks for Biomedical Image Segmentation', "
    "MICCAI 2015, figure 1",
    licence="MIT",
    multiple=16,
)
class UNet(nn.Module):
    """The U-net of tables 2 to 4: widths 32 to 512 and transposed 4x4 convolutions, nearest to the counts.

    The published network has twice the widths, no padding, no normalisation and transposed 2x2 convolutions.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.encoder, self.up, self.decoder = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for width in WIDTHS:
            self.encoder.append(double_convolution(in_channels, width))
            in_channels = width
        for width in reversed(WIDTHS[:-1]):
            self.up.append(nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1))
            self.decoder.append(double_convolution(2 * width, width))
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
