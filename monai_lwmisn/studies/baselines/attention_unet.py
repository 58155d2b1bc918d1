"""Attention U-Net: gates weight the pixels of each skip connection by the decoder's features."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from monai.networks.nets.attentionunet import AttentionBlock
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline
from monai_lwmisn.studies.baselines.unet import double_convolution

WIDTHS = (64, 128, 256, 512, 1024)


def up_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    """Upsampling to twice the size, then a 3x3 convolution with normalisation and activation."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        Convolution(2, in_channels, out_channels, adn_ordering="NA", act="relu", norm="batch"),
    )


@baseline(
    "attention_unet",
    source="Oktay et al., 'Attention U-Net: Learning Where to Look for the Pancreas', MIDL 2018, section 2",
    licence="MIT",
    multiple=16,
)
class AttentionUNet(nn.Module):
    """Attention U-Net with widths 64 to 1024. It has the parameters of the paper's tables.

    The published network is for volumes, has fewer channels, and computes its gates at half of the skip's size. Here a
    gate sees the skip and the upsampled features at the same size, and has half as many channels inside.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.encoder, self.up, self.gates = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.decoder = nn.ModuleList()
        for width in WIDTHS:
            self.encoder.append(double_convolution(in_channels, width))
            in_channels = width
        for width in reversed(WIDTHS[:-1]):
            self.up.append(up_convolution(2 * width, width))
            self.gates.append(AttentionBlock(2, f_int=width // 2, f_g=width, f_l=width))
            self.decoder.append(double_convolution(2 * width, width))
        self.head = nn.Conv2d(WIDTHS[0], out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 16."""
        skips: list[torch.Tensor] = []
        for index, block in enumerate(self.encoder):
            x = block(self.pool(x) if index else x)
            skips.append(x)
        skips.pop()
        for up, gate, block in zip(self.up, self.gates, self.decoder, strict=True):
            x = up(x)
            x = block(torch.cat([gate(g=x, x=skips.pop()), x], dim=1))
        return self.head(x)
