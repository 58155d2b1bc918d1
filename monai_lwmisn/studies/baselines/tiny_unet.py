"""TinyU-Net: a cascade of depthwise convolutions over few channels, each a little further."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline

WIDTHS = (64, 128, 256, 512)

PARTS = 8
"""Parts of equal width that a cascade concatenates: N in the publication, chosen there by experiment."""


def pointwise(in_channels: int, out_channels: int) -> Convolution:
    """A 1x1 convolution, normalisation and GELU."""
    return Convolution(
        2, in_channels, out_channels, kernel_size=1, adn_ordering="NA", act="gelu", norm="batch", bias=False
    )


class Cascade(nn.Module):
    """Fuses several receptive fields: the cascade multi-receptive fields (CMRF) of TinyU-Net, section 2.1.

    A pointwise convolution leaves few channels. Those with even numbers pass a chain of depthwise 3x3 convolutions
    whose outputs are all kept; those with odd numbers are added to them. A pointwise convolution mixes the result.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.reduce = pointwise(in_channels, out_channels // PARTS)
        width = out_channels // (2 * PARTS)
        self.chain = nn.ModuleList(
            Convolution(2, width, width, groups=width, adn_ordering="N", norm="batch", bias=False)
            for _ in range(PARTS - 1)
        )
        self.mix = pointwise(out_channels // 2, out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        x = self.reduce(x)
        odd, even = x[:, 0::2], x[:, 1::2]  # the publication numbers channels from 1
        parts = [odd + even]
        for depthwise in self.chain:
            even = depthwise(even)
            parts.append(even)
        return self.mix(torch.cat(parts, dim=1))


@baseline(
    "tiny_unet",
    source="Chen et al., 'TinyU-Net: Lighter Yet Better U-Net with Cascaded Multi-receptive Fields', MICCAI 2024, "
    "section 2",
    licence="MIT",
    multiple=16,
)
class TinyUNet(nn.Module):
    """TinyU-Net as published: cascades of widths 64 to 512, max-pooling and bicubic enlargement.

    The smallest features have no block of their own: they are enlarged and joined with those of the last encoder block.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.enlarge = nn.Upsample(scale_factor=2, mode="bicubic")
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for width in WIDTHS:
            self.encoder.append(Cascade(in_channels, width))
            in_channels = width
        for width in reversed(WIDTHS):
            self.decoder.append(Cascade(in_channels + width, width))
            in_channels = width
        self.head = nn.Conv2d(WIDTHS[0], out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 16."""
        skips: list[torch.Tensor] = []
        for block in self.encoder:
            skips.append(block(x))
            x = self.pool(skips[-1])
        for block in self.decoder:
            x = block(torch.cat([self.enlarge(x), skips.pop()], dim=1))
        return self.head(x)
