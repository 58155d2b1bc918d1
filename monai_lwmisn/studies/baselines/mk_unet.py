"""MK-UNet in its two smallest sizes: depthwise convolutions of three kernel sizes at once, attention in the decoder."""

from __future__ import annotations

import math
from functools import partial

import torch
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn import functional

from monai_lwmisn.studies.baselines.registry import baseline

KERNEL_SIZES = (1, 3, 5)

EXPANSION = 2
"""Ratio of hidden to input channels of a block."""

REDUCTIONS = (4, 8, 16, 16, 16)
"""Ratio of channels to hidden channels of the attention over channels, by stage."""


def normalised(
    in_channels: int, out_channels: int, kernel_size: int, act: str | None = None, groups: int = 1
) -> Convolution:
    """A convolution without bias, a normalisation and, if given, an activation."""
    return Convolution(
        2,
        in_channels,
        out_channels,
        kernel_size=kernel_size,
        groups=groups,
        adn_ordering="NA",
        act=act,
        norm="batch",
        bias=False,
    )


class MultiKernelBlock(nn.Module):
    """An inverted residual whose depthwise convolutions have three kernel sizes: MKIR and MKDC of figure 2.

    Where the width changes, a 1x1 convolution carries the input to the sum.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        hidden = EXPANSION * in_channels
        self.expand = normalised(in_channels, hidden, 1, "relu6")
        self.depthwise = nn.ModuleList(normalised(hidden, hidden, size, "relu6", hidden) for size in KERNEL_SIZES)
        self.shuffle = nn.ChannelShuffle(math.gcd(hidden, out_channels))
        self.project = normalised(hidden, out_channels, 1)
        same = in_channels == out_channels
        self.carry = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        hidden = self.expand(x)
        small, middle, large = (convolution(hidden) for convolution in self.depthwise)
        return self.carry(x) + self.project(self.shuffle(small + middle + large))


class ChannelAttention(nn.Module):
    """Weights channels by one perceptron of their means and of their maxima, as CBAM does (ECCV 2018)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = channels // reduction
        self.perceptron = nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, kernel_size=1, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, channels, H, W) to (B, channels, H, W)."""
        means, maxima = x.mean(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.perceptron(means) + self.perceptron(maxima))


class SpatialAttention(nn.Module):
    """Weights pixels by a 7x7 convolution of the mean and the maximum of their channels, as CBAM does."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 1, kernel_size=7, padding=3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        described = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.convolution(described))


class GroupedGate(nn.Module):
    """Weights the pixels of a skip by grouped 3x3 convolutions of it and of the decoder's features: GAG of figure 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 2
        self.of_decoder, self.of_skip = (
            nn.Sequential(nn.Conv2d(channels, hidden, kernel_size=3, padding=1, groups=hidden), nn.BatchNorm2d(hidden))
            for _ in range(2)
        )
        self.weigh = nn.Sequential(nn.ReLU(), nn.Conv2d(hidden, 1, kernel_size=1), nn.BatchNorm2d(1), nn.Sigmoid())

    def forward(self, decoder: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Map two inputs (B, channels, H, W) to the weighted skip, of the same size."""
        return skip * self.weigh(self.of_decoder(decoder) + self.of_skip(skip))


class MKUNet(nn.Module):
    """MK-UNet, figure 2: multi-kernel blocks and max-pooling, and a decoder with attention whose skips are added.

    As in the authors' code, all stages share one attention over pixels, an activation follows each enlargement, and the
    gates have groups of two channels. There is no deep supervision here, as for every network.
    """

    def __init__(self, in_channels: int, out_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.encoder = nn.ModuleList(
            MultiKernelBlock(narrow, wide) for narrow, wide in zip((in_channels, *widths), widths, strict=False)
        )
        self.attend, self.decoder, self.gates = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.attend_pixels = SpatialAttention()
        for stage in reversed(range(len(widths))):
            self.attend.append(ChannelAttention(widths[stage], REDUCTIONS[stage]))
            self.decoder.append(MultiKernelBlock(widths[stage], widths[max(stage - 1, 0)]))
            if stage:
                self.gates.append(GroupedGate(widths[stage - 1]))
        self.head = nn.Conv2d(widths[0], out_channels, kernel_size=1)
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 32."""
        skips: list[torch.Tensor] = []
        for block in self.encoder:
            x = self.pool(block(x))
            skips.append(x)
        skips.pop()
        last = len(self.decoder) - 1
        for stage, (attend, block) in enumerate(zip(self.attend, self.decoder, strict=True)):
            x = block(self.attend_pixels(attend(x)))
            if stage < last:
                x = functional.relu(self.enlarge(x))
                x = x + self.gates[stage](x, skips.pop())
        return self.enlarge(self.head(x))


for _name, _widths in {"mk_unet_t": (4, 8, 16, 24, 32), "mk_unet_s": (8, 16, 32, 48, 80)}.items():
    baseline(
        _name,
        source="Rahman and Marculescu, 'MK-UNet: Multi-kernel Lightweight CNN for Medical Image Segmentation', ICCV "
        "Workshops 2025, section 3 and figure 2",
        licence="BSD-3-Clause",
        multiple=32,
    )(partial(MKUNet, widths=_widths))
