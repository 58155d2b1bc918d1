"""LV-UNet: the first blocks of MobileNetV3, then plain blocks whose pointwise convolutions can be merged."""

from __future__ import annotations

from typing import NamedTuple

import torch
from monai.networks.blocks import Convolution
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline

STEM_WIDTH = 16


class Bottleneck(NamedTuple):
    """A row of table 1 of MobileNetV3. The attention is its number of hidden channels, or 0 for none."""

    kernel_size: int
    hidden: int
    width: int
    attention: int
    act: type[nn.Module]
    stride: int


GROUPS = (
    (Bottleneck(3, 16, 16, 0, nn.ReLU, 1), Bottleneck(3, 64, 24, 0, nn.ReLU, 2)),
    (
        Bottleneck(3, 72, 24, 0, nn.ReLU, 1),
        Bottleneck(5, 72, 40, 24, nn.ReLU, 2),
        Bottleneck(5, 120, 40, 32, nn.ReLU, 1),
    ),
    (
        Bottleneck(5, 120, 40, 32, nn.ReLU, 1),
        Bottleneck(3, 240, 80, 0, nn.Hardswish, 2),
        Bottleneck(3, 200, 80, 0, nn.Hardswish, 1),
        Bottleneck(3, 184, 80, 0, nn.Hardswish, 1),
    ),
)
"""The blocks of MobileNetV3-Large in the three groups of figure 1."""

PLAIN_WIDTHS = (160, 240, 480)
"""Widths of the plain blocks of the encoder."""


def normalised(
    in_channels: int, out_channels: int, kernel_size: int = 1, stride: int = 1, groups: int = 1
) -> nn.Module:
    """A convolution without bias, and a normalisation."""
    return Convolution(
        2,
        in_channels,
        out_channels,
        strides=stride,
        kernel_size=kernel_size,
        groups=groups,
        adn_ordering="N",
        norm="batch",
        bias=False,
    )


class SqueezeAndExcitation(nn.Module):
    """Weights channels by a perceptron of their means with a piecewise linear sigmoid (MobileNetV3, section 5.3)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.perceptron = nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size=1),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, kernel_size=1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, channels, H, W) to (B, channels, H, W)."""
        return x * self.perceptron(x.mean(dim=(2, 3), keepdim=True))


class InvertedResidual(nn.Module):
    """The bottleneck of MobileNetV3, figure 4: expansion, depthwise convolution, attention, projection."""

    def __init__(self, in_channels: int, row: Bottleneck) -> None:
        super().__init__()
        self.residual = row.stride == 1 and in_channels == row.width
        layers: list[nn.Module] = []
        if row.hidden != in_channels:
            layers += [normalised(in_channels, row.hidden), row.act()]
        layers += [normalised(row.hidden, row.hidden, row.kernel_size, row.stride, row.hidden), row.act()]
        if row.attention:
            layers.append(SqueezeAndExcitation(row.hidden, row.attention))
        self.layers = nn.Sequential(*layers, normalised(row.hidden, row.width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to (B, width, H and W divided by the stride)."""
        return x + self.layers(x) if self.residual else self.layers(x)


class PlainBlock(nn.Sequential):
    """Two pointwise convolutions, a change of size and a series of activations: the block of VanillaNet, section 3.

    The series is a depthwise 3x3 convolution of the rectified features.
    """

    def __init__(self, in_channels: int, out_channels: int, resize: nn.Module) -> None:
        super().__init__(
            normalised(in_channels, in_channels),
            normalised(in_channels, out_channels),
            resize,
            nn.ReLU(),
            normalised(out_channels, out_channels, 3, groups=out_channels),
        )


@baseline(
    "lv_unet",
    source="Jiang et al., 'LV-UNet: A Lightweight and Vanilla Model for Medical Image Segmentation', BIBM 2024, "
    "figure 1, with the blocks of MobileNetV3 (ICCV 2019) and VanillaNet (NeurIPS 2023)",
    licence="none: all rights reserved",
    multiple=128,
)
class LVUNet(nn.Module):
    """LV-UNet without pretraining, at the size of its published counts; skips are added.

    The widths, the kernels of the activations and the groups of blocks are those of the authors' code.

    The publication pretrains the groups of MobileNetV3. It trains with an activation between the two pointwise
    convolutions of a block that becomes linear over the epochs, and then merges the two. Here that activation is linear
    from the start, and they are not merged, as in the published counts; merged, the network has 0.52 M parameters. In
    training, a single image of at most 128x128 is refused, because the normalisation of the smallest features would see
    one value.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(normalised(in_channels, STEM_WIDTH, 3, stride=2), nn.Hardswish())
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        widths = [STEM_WIDTH]
        for group in GROUPS:
            blocks: list[nn.Module] = []
            width = widths[-1]
            for row in group:
                blocks.append(InvertedResidual(width, row))
                width = row.width
            self.encoder.append(nn.Sequential(*blocks))
            widths.append(width)
        for width in PLAIN_WIDTHS:
            self.encoder.append(PlainBlock(widths[-1], width, nn.MaxPool2d(2)))
            widths.append(width)
        # The last two blocks have no skip: the stem's features are not used again.
        below = [*reversed(widths), STEM_WIDTH]
        for wide, narrow in zip(below, below[1:], strict=False):
            self.decoder.append(PlainBlock(wide, narrow, nn.Upsample(scale_factor=2, mode="bilinear")))
        self.head = nn.Conv2d(STEM_WIDTH, out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 128."""
        x = self.stem(x)
        skips: list[torch.Tensor] = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        skips.pop()
        for block in self.decoder:
            x = block(x)
            if skips:
                x = x + skips.pop()
        return self.head(x)
