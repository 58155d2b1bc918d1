"""Attention U-Net: gates weigh each pixel of a skip by what is seen below."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from monai.networks.layers.factories import Conv, Pool
from monai.networks.nets.attentionunet import AttentionBlock
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline
from monai_lwmisn.studies.baselines.unet import double_convolution

WIDTHS = (64, 128, 256, 512, 1024)


def up_convolution(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Sequential:
    """Twice the size, and a 3x3 convolution with normalisation and activation."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        Convolution(spatial_dims, in_channels, out_channels, adn_ordering="NA", act="relu", norm="batch"),
    )


@baseline(
    "attention_unet",
    source="Oktay et al., 'Attention U-Net: Learning Where to Look for the Pancreas', MIDL 2018, section 2",
    licence="MIT",
    multiple=16,
)
class AttentionUNet(nn.Module):
    """Attention U-Net of widths 64 to 1024, as many as the tables count.

    The published network is for volumes, has fewer channels, and gates at half of the skip's size; here the gate sees
    the skip and the enlarged signal at the same size, and has half of their channels inside.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = Pool["max", spatial_dims](2)
        self.encoder, self.up, self.gates = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.decoder = nn.ModuleList()
        for width in WIDTHS:
            self.encoder.append(double_convolution(spatial_dims, in_channels, width))
            in_channels = width
        for width in reversed(WIDTHS[:-1]):
            self.up.append(up_convolution(spatial_dims, 2 * width, width))
            self.gates.append(AttentionBlock(spatial_dims, f_int=width // 2, f_g=width, f_l=width))
            self.decoder.append(double_convolution(spatial_dims, 2 * width, width))
        self.head = Conv["conv", spatial_dims](WIDTHS[0], out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, ...) to logits (B, out_channels, ...); sizes are divisible by 16."""
        skips: list[torch.Tensor] = []
        for index, block in enumerate(self.encoder):
            x = block(self.pool(x) if index else x)
            skips.append(x)
        skips.pop()
        for up, gate, block in zip(self.up, self.gates, self.decoder, strict=True):
            x = up(x)
            x = block(torch.cat([gate(g=x, x=skips.pop()), x], dim=1))
        return self.head(x)
