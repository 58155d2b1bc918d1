"""CMUNeXt-S: large depthwise kernels, and skip connections that grouped convolutions fuse."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline

WIDTHS = (8, 16, 32, 64, 128)
KERNEL_SIZES = (3, 3, 7, 7, 9)

EXPANSION = 4
"""Ratio of hidden to output channels of the pointwise convolutions."""


def activated(in_channels: int, out_channels: int, kernel_size: int = 3, groups: int = 1) -> Convolution:
    """A convolution, GELU and normalisation, in this order."""
    return Convolution(
        2,
        in_channels,
        out_channels,
        kernel_size=kernel_size,
        groups=groups,
        adn_ordering="AN",
        act="gelu",
        norm="batch",
    )


def plain_convolution(in_channels: int, out_channels: int) -> Convolution:
    """A 3x3 convolution, normalisation and ReLU."""
    return Convolution(2, in_channels, out_channels, adn_ordering="NA", act="relu", norm="batch")


class CMUNeXtBlock(nn.Module):
    """A large depthwise kernel with a residual, an inverted bottleneck, and a 3x3 convolution to the next width.

    Source: CMUNeXt, section 2.1, with one repetition, as in the small network.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        hidden = EXPANSION * in_channels
        self.depthwise = activated(in_channels, in_channels, kernel_size, groups=in_channels)
        self.pointwise = nn.Sequential(
            activated(in_channels, hidden, kernel_size=1),
            activated(hidden, in_channels, kernel_size=1),
        )
        self.widen = plain_convolution(in_channels, out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        return self.widen(self.pointwise(x + self.depthwise(x)))


class SkipFusion(nn.Sequential):
    """Fuses a skip (B, C, H, W) with C channels of the decoder: a 3x3 convolution of each, then an inverted bottleneck.

    Source: CMUNeXt, section 2.2.
    """

    def __init__(self, channels: int) -> None:
        hidden = EXPANSION * channels
        super().__init__(
            activated(2 * channels, 2 * channels, groups=2),
            activated(2 * channels, hidden, kernel_size=1),
            activated(hidden, channels, kernel_size=1),
        )


@baseline(
    "cmunext_s",
    source="Tang et al., 'CMUNeXt: An Efficient Medical Image Segmentation Network based on Large Kernel and Skip "
    "Fusion', ISBI 2024, section 2",
    licence="MIT",
    multiple=16,
)
class CMUNeXt(nn.Module):
    """The small CMUNeXt: widths 8 to 128, kernels 3 to 9, one block per level."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.stem = plain_convolution(in_channels, WIDTHS[0])
        self.pool = nn.MaxPool2d(2)
        self.encoder, self.up, self.fuse = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for narrow, wide, kernel_size in zip((WIDTHS[0], *WIDTHS), WIDTHS, KERNEL_SIZES, strict=False):
            self.encoder.append(CMUNeXtBlock(narrow, wide, kernel_size))
        for width in reversed(WIDTHS[:-1]):
            enlarge = nn.Upsample(scale_factor=2, mode="bilinear")
            self.up.append(nn.Sequential(enlarge, plain_convolution(2 * width, width)))
            self.fuse.append(SkipFusion(width))
        self.head = nn.Conv2d(WIDTHS[0], out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 16."""
        x = self.stem(x)
        skips: list[torch.Tensor] = []
        for index, block in enumerate(self.encoder):
            x = block(self.pool(x) if index else x)
            skips.append(x)
        skips.pop()
        for up, fuse in zip(self.up, self.fuse, strict=True):
            x = fuse(torch.cat([skips.pop(), up(x)], dim=1))
        return self.head(x)
