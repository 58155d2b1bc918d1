"""NAS-Unet: a U shape of two searched cells, one that halves the size and one that doubles it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from monai.networks.blocks import ChannelSELayer, Convolution
from torch import nn

from monai_lwmisn.networks.blocks import Configuration, convolution
from monai_lwmisn.studies.baselines.registry import baseline

CHANNELS = 64
"""Channels of a node. The output of a cell has four times as many."""

NODES = 4

DEPTH = 6
"""Number of cells that halve the size. One more cell doubles it, because the stem halves it too."""

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
"""The published cells: two operations for each node, each with its input state. 0 is the output of the cell before the
previous one, 1 that of the previous cell, 2 to 5 are the nodes."""

SQUEEZE = 16
"""Reduction of the channels in the squeeze-and-excitation layers."""

NORM_GROUP_CHANNELS = 16


def group_norm(channels: int) -> Configuration:
    """Normalisation of groups of 16 channels."""
    return ("group", {"num_groups": channels // NORM_GROUP_CHANNELS})


def weighted(channels: int) -> nn.Module:
    """The operation "cweight" of the publication: squeeze and excitation."""
    return ChannelSELayer(2, channels, r=SQUEEZE)


def weighted_resize(channels: int, *, up: bool) -> nn.Module:
    """Squeeze and excitation, a 3x3 convolution that halves or doubles the size, and normalisation."""
    resize = Convolution(
        2,
        channels,
        channels,
        strides=2,
        adn_ordering="N",
        norm=group_norm(channels),
        bias=False,
        is_transposed=up,
    )
    return nn.Sequential(weighted(channels), resize)


def activated_convolution(channels: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    """A 3x3 convolution, normalisation and ReLU."""
    return convolution(channels, channels, stride=stride, dilation=dilation, act="relu", norm=group_norm(channels))


OPERATIONS: dict[str, Callable[[int], nn.Module]] = {
    "convolution": activated_convolution,
    "dilated_convolution_down": lambda channels: activated_convolution(channels, stride=2, dilation=2),
    "weighted": weighted,
    "weighted_down": lambda channels: weighted_resize(channels, up=False),
    "weighted_up": lambda channels: weighted_resize(channels, up=True),
}


class Cell(nn.Module):
    """A searched cell: each of four nodes sums two operations on earlier states; the nodes are concatenated.

    Args:
        in_channels: channels of ``prev_prev`` and ``prev``.
        channels: channels of a node.
        edges: two operations for each node, with their input states.
        stride: stride of the projection of ``prev_prev``. If ``prev_prev`` is twice as large as ``prev``, it is 2.
    """

    def __init__(
        self,
        in_channels: tuple[int, int],
        channels: int,
        edges: Sequence[tuple[str, int]],
        stride: int,
    ) -> None:
        super().__init__()
        self.prev_prev, self.prev = (
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
        self.operations = nn.ModuleList(OPERATIONS[name](channels) for name, _ in edges)
        self.sources = [source for _, source in edges]

    def forward(self, prev_prev: torch.Tensor, prev: torch.Tensor) -> torch.Tensor:
        """Map ``prev_prev`` (B, C0, H0, W0) and ``prev`` (B, C1, H, W) to (B, 4 * channels, half or twice H, W)."""
        states = [self.prev_prev(prev_prev), self.prev(prev)]
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
)
class NASUNet(nn.Module):
    """NAS-Unet with the four-node cells that its authors found on PASCAL VOC 2012, in the size they trained on CHAOS.

    It has 4.06 million parameters and 17.18 GMac at 3x256x256 (26.86 by thop's count). The paper's tables give 10.95
    million and 17.43 GMac on microscopy, and 12.33 million and 27.15 GMac on CT and MR. Its own publication gives about
    0.8 million. No width and depth of the cells in the authors' release has both numbers of a pair; this network is
    nearest in GMac. Here transposed convolutions double the size exactly, while the release resizes their result by one
    pixel. There is no auxiliary loss.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
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
        self.down = nn.ModuleList(Cell((wide, wide), CHANNELS, DOWN_CELL, stride=2) for _ in range(DEPTH))
        self.up = nn.ModuleList(Cell((wide, wide), CHANNELS, UP_CELL, stride=1) for _ in range(DEPTH + 1))
        self.head = nn.Conv2d(wide, out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 128."""
        features = [stem(x) for stem in self.stem]
        for cell in self.down:
            features.append(cell(features[-2], features[-1]))
        x = features.pop()
        for cell in self.up:
            x = cell(features.pop(), x)
        return self.head(x)
