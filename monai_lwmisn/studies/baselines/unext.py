"""UNeXt-S: convolutions where the image is large, shifted multilayer perceptrons where it is small."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from monai.networks.layers.factories import Conv, Pool
from torch import nn
from torch.nn import functional

from monai_lwmisn.studies.baselines.channel_norm import ChannelLayerNorm
from monai_lwmisn.studies.baselines.registry import baseline

CONVOLUTIONAL_WIDTHS = (8, 16, 32)
TOKENIZED_WIDTHS = (64, 128)

REACH = 2
"""The farthest that a group of channels is shifted, in pixels: there are five groups, from -2 to 2."""


def shift(x: torch.Tensor, axis: int) -> torch.Tensor:
    """Move five groups of channels of (B, C, ...) by -2, -1, 0, 1 and 2 pixels along an axis; zeros enter."""
    size = x.shape[axis]
    # functional.pad counts axes from the last.
    padded = functional.pad(x, [0, 0] * (x.dim() - 1 - axis) + [REACH, REACH])
    distances = range(-REACH, REACH + 1)
    groups = padded.chunk(len(distances), dim=1)
    moved = [group.narrow(axis, REACH - distance, size) for group, distance in zip(groups, distances, strict=True)]
    return torch.cat(moved, dim=1)


class TokenizedMLP(nn.Module):
    """A perceptron over the channels of each pixel, that sees its neighbours by shifts and a depthwise convolution.

    Source: UNeXt, section 2; the first layer sees channels shifted along the width, the second along the height.
    As in the authors' code, it normalises its input, and the stage that it ends normalises the sum.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelLayerNorm(channels)
        self.first = Conv["conv", 2](channels, channels, kernel_size=1)
        self.depthwise = Conv["conv", 2](channels, channels, kernel_size=3, padding=1, groups=channels)
        self.act = nn.GELU()
        self.second = Conv["conv", 2](channels, channels, kernel_size=1)
        for linear in (self.first, self.second):
            nn.init.trunc_normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)
        nn.init.kaiming_normal_(self.depthwise.weight, nonlinearity="relu")
        nn.init.zeros_(self.depthwise.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, height, width) to (B, C, height, width)."""
        hidden = self.first(shift(self.norm(x), axis=3))
        hidden = self.act(self.depthwise(hidden))
        return x + self.second(shift(hidden, axis=2))


def convolutional_stage(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 3x3 convolution, and half of the size."""
    return nn.Sequential(
        Convolution(2, in_channels, out_channels, adn_ordering="N", norm="batch"), Pool["max", 2](2), nn.ReLU()
    )


def tokenized_stage(in_channels: int, out_channels: int) -> nn.Sequential:
    """Tokens of overlapping patches at half of the size, and a shifted perceptron."""
    embedding = Conv["conv", 2](in_channels, out_channels, kernel_size=3, stride=2, padding=1)
    nn.init.kaiming_normal_(embedding.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(embedding.bias)
    return nn.Sequential(
        embedding, ChannelLayerNorm(out_channels), TokenizedMLP(out_channels), ChannelLayerNorm(out_channels)
    )


def enlarging_stage(in_channels: int, out_channels: int, norm: str | None = "batch") -> nn.Sequential:
    """A 3x3 convolution, and twice the size."""
    return nn.Sequential(
        Convolution(2, in_channels, out_channels, adn_ordering="N", norm=norm),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ReLU(),
    )


@baseline(
    "unext_s",
    source="Valanarasu and Patel, 'UNeXt: MLP-based Rapid Medical Image Segmentation Network', MICCAI 2022, section 2",
    licence="MIT",
    multiple=32,
    spatial_dims=(2,),
)
class UNeXt(nn.Module):
    """The smaller UNeXt, of widths 8 to 128, one perceptron to a stage and skips that are added.

    In training, a single image of at most 32x32 is refused: the batch normalisation of the smallest level would see one
    value.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.encoder, self.up, self.mix = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for width in CONVOLUTIONAL_WIDTHS:
            self.encoder.append(convolutional_stage(in_channels, width))
            in_channels = width
        for width in TOKENIZED_WIDTHS:
            self.encoder.append(tokenized_stage(in_channels, width))
            in_channels = width
        # The two smallest sums are mixed by a perceptron, the others are not.
        for width in (TOKENIZED_WIDTHS[0], CONVOLUTIONAL_WIDTHS[-1]):
            self.up.append(enlarging_stage(2 * width, width))
            self.mix.append(nn.Sequential(TokenizedMLP(width), ChannelLayerNorm(width)))
        for width in reversed(CONVOLUTIONAL_WIDTHS[:-1]):
            self.up.append(enlarging_stage(2 * width, width))
            self.mix.append(nn.Identity())
        width = CONVOLUTIONAL_WIDTHS[0]
        self.head = nn.Sequential(
            enlarging_stage(width, width, norm=None), Conv["conv", spatial_dims](width, out_channels, kernel_size=1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, height, width) to logits (B, out_channels, ...); sizes are divisible by 32."""
        skips: list[torch.Tensor] = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        skips.pop()
        for up, mix in zip(self.up, self.mix, strict=True):
            x = mix(up(x) + skips.pop())
        return self.head(x)
