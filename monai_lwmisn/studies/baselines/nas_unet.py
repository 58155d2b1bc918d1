"""NAS-Unet: a U of two searched cells, one that halves the size and one that doubles it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from monai.networks.blocks import ChannelSELayer, Convolution
from monai.networks.layers.factories import Conv
from torch import nn

from monai_lwmisn.networks.blocks import Configuration, convolution
from monai_lwmisn.studies.baselines.registry import baseline

CHANNELS = 64
"""Of a node; a cell gives four times as many."""

NODES = 4

DEPTH = 6
"""Number of cells that halve the size; as many double it, and one more because the stem halves it first."""

DOWN_CELL = (
    ("dilated_convolution_down", 1),
    ("weighted_down", 0),
    ("weighted_down", 0),
    ("weighted_down", 1),
    ("weighted_down", 0),
    ("convolution", 3),
    ("weighted_down", 0),
    ("convolution", 4),
)
UP_CELL = (
    ("weighted", 0),
    ("weighted_up", 1),
    ("convolution", 2),
    ("weighted_up", 1),
    ("weighted_up", 1),
    ("convolution", 3),
    ("weighted_up", 1),
    ("convolution", 4),
)
"""The published cells: pairs of operations, each with the state it sees: 0 and 1 are the older and the newer input,
2 to 5 the nodes before."""

SQUEEZE = 16
"""Channels over those inside the channel weights."""

NORM_GROUP_CHANNELS = 16


def group_norm(channels: int) -> Configuration:
    """Normalisation of groups of 16 channels."""
    return ("group", {"num_groups": channels // NORM_GROUP_CHANNELS})


def weighted(spatial_dims: int, channels: int) -> nn.Module:
    """The paper's "cweight": channels times their squeeze-and-excitation weights."""
    return ChannelSELayer(spatial_dims, channels, r=SQUEEZE)


def weighted_resize(spatial_dims: int, channels: int, *, up: bool) -> nn.Module:
    """Channel weights, then a 3x3 convolution that halves or doubles the size, and normalisation."""
    resize = Convolution(
        spatial_dims,
        channels,
        channels,
        strides=2,
        adn_ordering="N",
        norm=group_norm(channels),
        bias=False,
        is_transposed=up,
    )
    return nn.Sequential(weighted(spatial_dims, channels), resize)


def activated_convolution(spatial_dims: int, channels: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    """A 3x3 convolution, normalisation and ReLU."""
    return convolution(channels, channels, stride=stride, dilation=dilation, act="relu", norm=group_norm(channels))


OPERATIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "convolution": activated_convolution,
    "dilated_convolution_down": lambda spatial_dims, channels: activated_convolution(
        spatial_dims, channels, stride=2, dilation=2
    ),
    "weighted": weighted,
    "weighted_down": lambda spatial_dims, channels: weighted_resize(spatial_dims, channels, up=False),
    "weighted_up": lambda spatial_dims, channels: weighted_resize(spatial_dims, channels, up=True),
}


class Cell(nn.Module):
    """A searched cell: each of four nodes sums two operations on states before it; the nodes are concatenated.

    Args:
        in_channels: channels of the older input, which is twice as large, and of the newer one.
        channels: of a node.
        edges: two operations for each node, with the states they see.
        stride: of the projection of the older input: 2 for the size of the newer one.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: tuple[int, int],
        channels: int,
        edges: Sequence[tuple[str, int]],
        stride: int,
    ) -> None:
        super().__init__()
        self.older, self.newer = (
            nn.Sequential(
                nn.ReLU(),
                convolution(
                    entering,
                    channels,
                    kernel_size=1,
                    stride=step,
                    act=None,
                    norm=group_norm(channels),
                ),
            )
            for entering, step in zip(in_channels, (stride, 1), strict=True)
        )
        self.operations = nn.ModuleList(OPERATIONS[name](spatial_dims, channels) for name, _ in edges)
        self.sources = [source for _, source in edges]

    def forward(self, older: torch.Tensor, newer: torch.Tensor) -> torch.Tensor:
        """Map (B, C0, ...) and (B, C1, half of that size) to (B, 4 * channels, half or twice the newer's size)."""
        states = [self.older(older), self.newer(newer)]
        for first in range(0, 2 * NODES, 2):
            left, right = (self.operations[edge](states[self.sources[edge]]) for edge in (first, first + 1))
            states.append(left + right)
        return torch.cat(states[2:], dim=1)


@baseline(
    "nas_unet",
    source="Weng, Zhou, Li and Qiu, 'NAS-Unet: Neural Architecture Search for Medical Image Segmentation', IEEE Access "
    "2019, section III; the cells of the authors' release",
    licence="none: all rights reserved",
    multiple=128,
    spatial_dims=(2,),
)
class NASUNet(nn.Module):
    """NAS-Unet with the four-node cells its authors found on PASCAL VOC 2012, in the size they trained on CHAOS.

    It has 4.06 million parameters and 17.18 GMac at 3x256x256 (26.86 as thop counts). The tables give 10.95 million and
    17.43 GMac on microscopy, 12.33 million and 27.15 GMac on CT and MR, and its own publication about 0.8 million: no
    width and depth of the cells in the authors' release has both numbers of a pair, and this one is nearest in GMac.
    Transposed convolutions here double the size exactly, where the release resizes their result by one pixel. Its
    auxiliary loss is left out.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        wide = NODES * CHANNELS
        self.stem = nn.ModuleList(
            convolution(
                in_channels,
                wide,
                kernel_size=kernel_size,
                stride=stride,
                act=None,
                norm=group_norm(wide),
            )
            for kernel_size, stride in ((1, 1), (3, 2))
        )
        self.down = nn.ModuleList(Cell(spatial_dims, (wide, wide), CHANNELS, DOWN_CELL, stride=2) for _ in range(DEPTH))
        self.up = nn.ModuleList(Cell(spatial_dims, (wide, wide), CHANNELS, UP_CELL, stride=1) for _ in range(DEPTH + 1))
        self.head = Conv["conv", spatial_dims](wide, out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, height, width) to logits (B, out_channels, ...); sizes are divisible by 128."""
        features = [stem(x) for stem in self.stem]
        for cell in self.down:
            features.append(cell(features[-2], features[-1]))
        x = features.pop()
        for cell in self.up:
            x = cell(features.pop(), x)
        return self.head(x)
