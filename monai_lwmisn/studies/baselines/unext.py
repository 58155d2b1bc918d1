"""UNeXt-S: convolutions where the features are large, shifted multilayer perceptrons where they are small."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn import functional

from monai_lwmisn.studies.baselines.ege_unet import ChannelLayerNorm
from monai_lwmisn.studies.baselines.registry import baseline

CONVOLUTIONAL_WIDTHS = (8, 16, 32)
TOKENIZED_WIDTHS = (64, 128)

REACH = 2
"""Largest shift of a group of channels in pixels. Five groups are shifted by -2 to 2."""


def shift(x: torch.Tensor, axis: int) -> torch.Tensor:
    """Shift five groups of channels of (B, C, H, W) by -2, -1, 0, 1 and 2 pixels along an axis, with zero padding."""
    size = x.shape[axis]
    # functional.pad counts axes from the last.
    padded = functional.pad(x, [0, 0] * (x.dim() - 1 - axis) + [REACH, REACH])
    distances = range(-REACH, REACH + 1)
    groups = padded.chunk(len(distances), dim=1)
    moved = [group.narrow(axis, REACH - distance, size) for group, distance in zip(groups, distances, strict=True)]
    return torch.cat(moved, dim=1)


class TokenizedMLP(nn.Module):
    """A perceptron over the channels of each pixel, which sees neighbours by shifts and a depthwise convolution.

    Source: UNeXt, section 2. The input of the first layer is shifted along the width, that of the second along the
    height. As in the authors' code, the input is normalised here, and the sum by the stage.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelLayerNorm(channels)
        self.first = nn.Conv2d(channels, channels, kernel_size=1)
        self.depthwise = nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels)
        self.act = nn.GELU()
        self.second = nn.Conv2d(channels, channels, kernel_size=1)
        for linear in (self.first, self.second):
            nn.init.trunc_normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)  # type: ignore[arg-type]
        nn.init.kaiming_normal_(self.depthwise.weight, nonlinearity="relu")
        nn.init.zeros_(self.depthwise.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        hidden = self.first(shift(self.norm(x), axis=3))
        hidden = self.act(self.depthwise(hidden))
        return x + self.second(shift(hidden, axis=2))


def convolutional_stage(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 3x3 convolution and max pooling to half of the size."""
    return nn.Sequential(
        Convolution(2, in_channels, out_channels, adn_ordering="N", norm="batch"), nn.MaxPool2d(2), nn.ReLU()
    )


def tokenized_stage(in_channels: int, out_channels: int) -> nn.Sequential:
    """Tokens of overlapping patches at half of the size, then a shifted perceptron."""
    embedding = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1)
    nn.init.kaiming_normal_(embedding.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(embedding.bias)  # type: ignore[arg-type]
    return nn.Sequential(
        embedding, ChannelLayerNorm(out_channels), TokenizedMLP(out_channels), ChannelLayerNorm(out_channels)
    )


def enlarging_stage(in_channels: int, out_channels: int, norm: str | None = "batch") -> nn.Sequential:
    """A 3x3 convolution and upsampling to twice the size."""
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
)
class UNeXt(nn.Module):
    """The small UNeXt: widths 8 to 128, one perceptron per stage, and skips that are added.

    In training, a single image of at most 32x32 is refused, because the batch normalisation of the smallest features
    would see one value.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.encoder, self.up, self.mix = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for width in CONVOLUTIONAL_WIDTHS:
            self.encoder.append(convolutional_stage(in_channels, width))
            in_channels = width
        for width in TOKENIZED_WIDTHS:
            self.encoder.append(tokenized_stage(in_channels, width))
            in_channels = width
        # A perceptron mixes the two smallest sums only.
        for width in (TOKENIZED_WIDTHS[0], CONVOLUTIONAL_WIDTHS[-1]):
            self.up.append(enlarging_stage(2 * width, width))
            self.mix.append(nn.Sequential(TokenizedMLP(width), ChannelLayerNorm(width)))
        for width in reversed(CONVOLUTIONAL_WIDTHS[:-1]):
            self.up.append(enlarging_stage(2 * width, width))
            self.mix.append(nn.Identity())
        width = CONVOLUTIONAL_WIDTHS[0]
        self.head = nn.Sequential(
            enlarging_stage(width, width, norm=None), nn.Conv2d(width, out_channels, kernel_size=1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 32."""
        skips: list[torch.Tensor] = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        skips.pop()
        for up, mix in zip(self.up, self.mix, strict=True):
            x = mix(up(x) + skips.pop())
        return self.head(x)
