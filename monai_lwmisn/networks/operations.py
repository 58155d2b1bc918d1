"""The candidate operations of the search (paper, section 2.1 and table 1) and their registry.

Every operation keeps the shape (B, C, H, W) of its input, normalises after each convolution, and is built by
``OPERATIONS[name](channels, act, norm)``. A new operation is one class or factory, one line in the registry, and its
name in a search space of :mod:`monai_lwmisn.networks.genotype`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from monai_lwmisn.networks.blocks import ACTIVATION, NORMALISATION, Configuration, convolution


class Zero(nn.Module):
    """No connection: the output is zero everywhere."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to zeros of that shape."""
        return torch.zeros_like(x)


class DepthwiseSeparableConvolution(nn.Sequential):
    """A depthwise and a pointwise convolution, ``repeats`` times (DARTS: twice; its dilated convolution: once)."""

    def __init__(
        self,
        channels: int,
        act: Configuration = ACTIVATION,
        norm: Configuration = NORMALISATION,
        *,
        kernel_size: int = 3,
        dilation: int = 1,
        repeats: int = 1,
    ) -> None:
        layers: list[nn.Module] = []
        for _ in range(repeats):
            layers.append(
                convolution(
                    channels,
                    channels,
                    kernel_size=kernel_size,
                    dilation=dilation,
                    groups=channels,
                    act=None,
                    norm=norm,
                )
            )
            layers.append(convolution(channels, channels, kernel_size=1, act=act, norm=norm))
        super().__init__(*layers)


class GhostConvolution(nn.Module):
    """GhostNet's module, ratio 2: half of the channels by a 1x1 convolution, the rest by a cheap depthwise 3x3 of them.

    Source: Han et al., "GhostNet: More Features from Cheap Operations", CVPR 2020, section 3.1.
    """

    def __init__(
        self,
        channels: int,
        act: Configuration = ACTIVATION,
        norm: Configuration = NORMALISATION,
    ) -> None:
        super().__init__()
        self.channels = channels
        primary = math.ceil(channels / 2)
        self.primary = convolution(channels, primary, kernel_size=1, act=act, norm=norm)
        self.cheap = convolution(primary, primary, groups=primary, act=act, norm=norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        primary = self.primary(x)
        # With an odd number of channels there is one ghost too many.
        return torch.cat([primary, self.cheap(primary)], dim=1)[:, : self.channels]


class SelectiveKernelConvolution(nn.Module):
    """SKNet's unit: two depthwise 3x3 branches of dilation 1 and 2, weighted per channel by softmax attention.

    Source: Li et al., "Selective Kernel Networks", CVPR 2019, section 3.1. A reduction of 2 fits the counts of table 1.
    The squeeze has a bias and no normalisation, because one value per channel and image has no statistics.
    """

    def __init__(
        self,
        channels: int,
        act: Configuration = ACTIVATION,
        norm: Configuration = NORMALISATION,
    ) -> None:
        super().__init__()
        self.near = convolution(channels, channels, groups=channels, act=act, norm=norm)
        self.far = convolution(channels, channels, dilation=2, groups=channels, act=act, norm=norm)
        reduced = max(1, channels // 2)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, reduced, kernel_size=1), nn.ReLU())
        self.near_score = nn.Conv2d(reduced, channels, kernel_size=1)
        self.far_score = nn.Conv2d(reduced, channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        near, far = self.near(x), self.far(x)
        squeezed = self.squeeze(near + far)
        # A softmax over two scores is the sigmoid of their difference.
        share = torch.sigmoid(self.near_score(squeezed) - self.far_score(squeezed))
        return far + share * (near - far)


class ShuffleGroupConvolution(nn.Module):
    """ShuffleNet's unit: grouped 1x1 to C/4, channel shuffle, depthwise 3x3, grouped 1x1 back, added to the input.

    Source: Zhang et al., "ShuffleNet", CVPR 2018, figure 2b; 4 groups as in table 1 of the paper, fewer where the
    number of channels is not divisible.
    """

    def __init__(
        self,
        channels: int,
        act: Configuration = ACTIVATION,
        norm: Configuration = NORMALISATION,
    ) -> None:
        super().__init__()
        bottleneck = max(1, channels // 4)
        self.groups = math.gcd(4, math.gcd(channels, bottleneck))
        self.reduce = convolution(channels, bottleneck, kernel_size=1, groups=self.groups, act=act, norm=norm)
        self.depthwise = convolution(bottleneck, bottleneck, groups=bottleneck, act=None, norm=norm)
        self.expand = convolution(bottleneck, channels, kernel_size=1, groups=self.groups, act=None, norm=norm)
        self.shuffle = nn.ChannelShuffle(self.groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        return torch.relu(x + self.expand(self.depthwise(self.shuffle(self.reduce(x)))))


Operation = Callable[[int, Configuration, Configuration], nn.Module]

OPERATIONS: dict[str, Operation] = {
    "identity": lambda channels, act, norm: nn.Identity(),
    "separable_conv_3x3": lambda channels, act, norm: DepthwiseSeparableConvolution(channels, act, norm, repeats=2),
    "dilated_conv_3x3": lambda channels, act, norm: DepthwiseSeparableConvolution(channels, act, norm, dilation=2),
    "ghost_conv_3x3": GhostConvolution,
    "selective_kernel_conv_3x3": SelectiveKernelConvolution,
    "shuffle_group_conv_3x3": ShuffleGroupConvolution,
    "max_pool_3x3": lambda channels, act, norm: nn.MaxPool2d(3, stride=1, padding=1),
    "zero": lambda channels, act, norm: Zero(),
    "separable_conv_5x5": lambda channels, act, norm: DepthwiseSeparableConvolution(
        channels, act, norm, kernel_size=5, repeats=2
    ),
    "dilated_conv_5x5": lambda channels, act, norm: DepthwiseSeparableConvolution(
        channels, act, norm, kernel_size=5, dilation=2
    ),
    "average_pool_3x3": lambda channels, act, norm: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
    "conv_3x3": lambda channels, act, norm: convolution(channels, channels, act=act, norm=norm),
    "conv_1x1": lambda channels, act, norm: convolution(channels, channels, kernel_size=1, act=act, norm=norm),
}
