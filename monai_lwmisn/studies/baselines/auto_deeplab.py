"""Auto-DeepLab: one searched cell along a searched path through four levels of resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from monai_lwmisn.networks.blocks import NORMALISATION, convolution
from monai_lwmisn.studies.baselines.registry import baseline

PATH = (0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1)
"""Level of each cell in the published network; level 0 has a quarter of the image's height and width."""

CELL = (
    ("atrous_5x5", 0),
    ("separable_3x3", 1),
    ("separable_3x3", 0),
    ("atrous_3x3", 1),
    ("separable_3x3", 3),
    ("separable_3x3", 0),
    ("separable_5x5", 4),
    ("separable_5x5", 2),
    ("separable_5x5", 3),
    ("atrous_5x5", 5),
)
"""The published cell: two operations for each block, each with its input state. 0 is the output of the cell before the
previous one, 1 that of the previous cell, 2 to 6 are the blocks."""

BLOCKS = 5
FILTERS = 20
"""Channels of a block at level 0. Each lower level has twice as many."""

STEM_WIDTHS = (64, 64, 128)
LOW_LEVEL_CELL = 2
"""The cell whose output goes to the decoder."""

HEAD_WIDTH, LOW_LEVEL_WIDTH = 256, 48
ATROUS_RATES = (6, 12, 18)


def preactivated(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 1,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    """ReLU, convolution and normalisation."""
    return nn.Sequential(
        nn.ReLU(),
        convolution(
            in_channels,
            out_channels,
            kernel_size=kernel_size,
            stride=stride,
            dilation=dilation,
            groups=groups,
            act=None,
            norm=NORMALISATION,
        ),
    )


def separable(channels: int, kernel_size: int, stride: int) -> nn.Module:
    """ReLU, depthwise and pointwise convolution and normalisation, twice; the first has the stride."""
    layers: list[nn.Module] = []
    for step in (stride, 1):
        depthwise = nn.Conv2d(
            channels, channels, kernel_size, stride=step, padding=kernel_size // 2, groups=channels, bias=False
        )
        pointwise = convolution(channels, channels, kernel_size=1, act=None, norm=NORMALISATION)
        layers += [nn.ReLU(), depthwise, pointwise]
    return nn.Sequential(*layers)


def atrous(channels: int, kernel_size: int, stride: int) -> nn.Module:
    """ReLU, a convolution of rate 2 and normalisation. With a stride of 2, the rate is 1."""
    return preactivated(channels, channels, kernel_size, stride, dilation=2 // stride)


OPERATIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "separable_3x3": lambda channels, stride: separable(channels, 3, stride),
    "separable_5x5": lambda channels, stride: separable(channels, 5, stride),
    "atrous_3x3": lambda channels, stride: atrous(channels, 3, stride),
    "atrous_5x5": lambda channels, stride: atrous(channels, 5, stride),
}


def resize(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Linear interpolation of (B, C, H, W) to another size."""
    return functional.interpolate(x, size, mode="bilinear")


class Cell(nn.Module):
    """A searched cell: each of five blocks sums two operations on earlier states; the blocks are concatenated.

    Both inputs are resized to the larger of the sizes of ``prev`` and the output. Where the path goes down, the
    operations on the inputs have a stride.

    Args:
        in_channels: channels of ``prev_prev`` and ``prev``.
        levels: levels of ``prev_prev``, of ``prev`` and of the output.
    """

    def __init__(self, in_channels: tuple[int, int], levels: tuple[int, int, int]) -> None:
        super().__init__()
        channels = FILTERS * 2 ** levels[2]
        shared = min(levels[1:])
        self.resized = [level != shared for level in levels[:2]]
        stride = 2 if levels[2] > shared else 1
        self.prev_prev, self.prev = (preactivated(entering, channels) for entering in in_channels)
        self.operations = nn.ModuleList(
            OPERATIONS[name](channels, stride if source < 2 else 1) for name, source in CELL
        )

    def forward(self, prev_prev: torch.Tensor, prev: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """Map the outputs (B, C0, H0, W0) and (B, C1, H1, W1) of the two previous cells to (B, 5 * channels, H, W).

        Both are resized to ``size`` first.
        """
        inputs = [resize(x, size) if resized else x for x, resized in zip((prev_prev, prev), self.resized, strict=True)]
        states = [self.prev_prev(inputs[0]), self.prev(inputs[1])]
        for first in range(0, 2 * BLOCKS, 2):
            left, right = (self.operations[edge](states[CELL[edge][1]]) for edge in (first, first + 1))
            states.append(left + right)
        return torch.cat(states[2:], dim=1)


def activated(in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1) -> nn.Module:
    """A convolution with normalisation and ReLU."""
    return convolution(
        in_channels,
        out_channels,
        kernel_size=kernel_size,
        dilation=dilation,
        act="relu",
        norm=NORMALISATION,
    )


class SpatialPyramid(nn.Module):
    """Atrous spatial pyramid pooling: a 1x1 convolution, three atrous ones and the image's mean, joined by a 1x1.

    Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, section 3.3. The mean
    has a bias and no normalisation, because one value per channel and image cannot be normalised in training.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([activated(in_channels, out_channels, kernel_size=1)])
        for rate in ATROUS_RATES:
            self.branches.append(activated(in_channels, out_channels, kernel_size=3, dilation=rate))
        self.pooled = nn.Conv2d(in_channels, out_channels, kernel_size=1)
        self.join = activated((len(ATROUS_RATES) + 2) * out_channels, out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        results = [branch(x) for branch in self.branches]
        mean = x.mean(dim=tuple(range(2, x.dim())), keepdim=True)
        results.append(functional.relu(self.pooled(mean)).expand_as(results[0]))
        return self.join(torch.cat(results, dim=1))


@baseline(
    "auto_deeplab",
    source="Liu et al., 'Auto-DeepLab: Hierarchical Neural Architecture Search for Semantic Image Segmentation', CVPR "
    "2019, figure 3",
    licence="Apache-2.0",
    multiple=32,
)
class AutoDeepLab(nn.Module):
    """Auto-DeepLab-S: the published path, cell, stem and widths (20 filters), with the decoder of DeepLabv3+.

    It has 10.14 million parameters, as its publication says (10.15), and 9.90 GMac at 3x256x256. The paper's tables
    give 15.43 million and 36.18 GMac. No number of filters has both: 26 filters have 15.28 million and 11.6 GMac. A
    stem of stride 2 would have four times the GMac, which is nearer, but would not be Auto-DeepLab. The decoder's
    convolutions are not separable, the rates of its pyramid are 6, 12 and 18, training uses no drop path, and no
    weights are pretrained.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        first, second, third = STEM_WIDTHS
        self.stem = nn.Sequential(
            convolution(in_channels, first, stride=2, act="relu", norm=NORMALISATION),
            convolution(first, second, act=None, norm=NORMALISATION),
        )
        self.reduce = preactivated(second, third, kernel_size=3, stride=2)
        levels = [-1, 0, *PATH]
        channels = [second, third, *(BLOCKS * FILTERS * 2**level for level in PATH)]
        self.cells = nn.ModuleList(
            Cell((channels[index], channels[index + 1]), (levels[index], levels[index + 1], level))
            for index, level in enumerate(PATH)
        )
        self.pyramid = SpatialPyramid(channels[-1], HEAD_WIDTH)
        self.low_level = activated(channels[LOW_LEVEL_CELL + 2], LOW_LEVEL_WIDTH, kernel_size=1)
        self.head = nn.Sequential(
            activated(HEAD_WIDTH + LOW_LEVEL_WIDTH, HEAD_WIDTH, kernel_size=3),
            activated(HEAD_WIDTH, HEAD_WIDTH, kernel_size=3),
            nn.Conv2d(HEAD_WIDTH, out_channels, kernel_size=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 32."""
        stem = self.stem(x)
        features = [stem, self.reduce(stem)]
        # Sizes are kept and not computed by a factor. Otherwise torch.export cannot prove that they are equal.
        sizes = {0: features[-1].shape[2:]}
        for (before, level), cell in zip(pairwise((0, *PATH)), self.cells, strict=True):
            features.append(cell(features[-2], features[-1], sizes[min(before, level)]))
            sizes.setdefault(level, features[-1].shape[2:])
        low_level = self.low_level(functional.relu(features[LOW_LEVEL_CELL + 2]))
        wide = resize(self.pyramid(functional.relu(features[-1])), low_level.shape[2:])
        return resize(self.head(torch.cat([wide, low_level], dim=1)), x.shape[2:])
