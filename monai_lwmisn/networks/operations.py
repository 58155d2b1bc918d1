"""The candidate operations of the search (paper, section 2.1 and table 1) and their registry.

Every operation keeps the shape (B, C, ...) of its input, normalises after each convolution, and is made by
``OPERATIONS[name](spatial_dims, channels, act, norm)``. Adding one is one class or factory and one registry line.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import nn
from torch.nn import functional

from monai_lwmisn.networks.blocks import ACTIVATION, NORMALISATION, Configuration, convolution


class Zero(nn.Module):
    """No connection: the result is zero everywhere."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, ...) to zeros of that shape."""
        return torch.zeros_like(x)


class AveragePool(nn.Module):
    """The mean of the 3x3 neighbours that lie inside the image.

    torch's own pooling refuses volumes thinner than its kernel, so it is given padded ones and divided by the share
    of each neighbourhood that is inside.
    """

    def __init__(self, spatial_dims: int) -> None:
        super().__init__()
        self.padding = [1] * (2 * spatial_dims)
        self.pool = Pool["avg", spatial_dims](3, stride=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, ...) to (B, C, ...)."""
        inside = torch.ones_like(x[:1, :1])
        return self.pool(functional.pad(x, self.padding)) / self.pool(functional.pad(inside, self.padding))


class DepthwiseSeparableConvolution(nn.Sequential):
    """A depthwise convolution and a pointwise one, ``repeats`` times (DARTS: twice; its dilated relative: once)."""

    def __init__(
        self,
        spatial_dims: int,
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
                    spatial_dims,
                    channels,
                    channels,
                    kernel_size=kernel_size,
                    dilation=dilation,
                    groups=channels,
                    act=None,
                    norm=norm,
                )
            )
            layers.append(convolution(spatial_dims, channels, channels, kernel_size=1, act=act, norm=norm))
        super().__init__(*layers)


class GhostConvolution(nn.Module):
    """GhostNet's module, ratio 2: half of the channels by a 1x1 convolution, the rest by a cheap depthwise 3x3 of them.

    Source: Han et al., "GhostNet: More Features from Cheap Operations", CVPR 2020, section 3.1.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: int,
        act: Configuration = ACTIVATION,
        norm: Configuration = NORMALISATION,
    ) -> None:
        super().__init__()
        self.channels = channels
        primary = math.ceil(channels / 2)
        self.primary = convolution(spatial_dims, channels, primary, kernel_size=1, act=act, norm=norm)
        self.cheap = convolution(spatial_dims, primary, primary, groups=primary, act=act, norm=norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, ...) to (B, C, ...)."""
        primary = self.primary(x)
        # An odd number of channels leaves one ghost too many.
        return torch.cat([primary, self.cheap(primary)], dim=1)[:, : self.channels]


class SelectiveKernelConvolution(nn.Module):
    """SKNet's unit with two depthwise 3x3 branches, dilation 1 and 2, weighed per channel by softmax attention.

    Source: Li et al., "Selective Kernel Networks", CVPR 2019, section 3.1; reduction 2 fits the counts of table 1.
    The squeeze has a bias in place of a normalisation, which one value per channel and image could not train.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: int,
        act: Configuration = ACTIVATION,
        norm: Configuration = NORMALISATION,
    ) -> None:
        super().__init__()
        self.near = convolution(spatial_dims, channels, channels, groups=channels, act=act, norm=norm)
        self.far = convolution(spatial_dims, channels, channels, dilation=2, groups=channels, act=act, norm=norm)
        pointwise = Conv["conv", spatial_dims]
        reduced = max(1, channels // 2)
        self.squeeze = nn.Sequential(
            Pool["adaptiveavg", spatial_dims](1), pointwise(channels, reduced, kernel_size=1), nn.ReLU()
        )
        self.near_score = pointwise(reduced, channels, kernel_size=1)
        self.far_score = pointwise(reduced, channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, ...) to (B, C, ...)."""
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
        spatial_dims: int,
        channels: int,
        act: Configuration = ACTIVATION,
        norm: Configuration = NORMALISATION,
    ) -> None:
        super().__init__()
        bottleneck = max(1, channels // 4)
        self.groups = math.gcd(4, math.gcd(channels, bottleneck))
        self.reduce = convolution(
            spatial_dims, channels, bottleneck, kernel_size=1, groups=self.groups, act=act, norm=norm
        )
        self.depthwise = convolution(spatial_dims, bottleneck, bottleneck, groups=bottleneck, act=None, norm=norm)
        self.expand = convolution(
            spatial_dims, bottleneck, channels, kernel_size=1, groups=self.groups, act=None, norm=norm
        )
        self.shuffle = nn.ChannelShuffle(self.groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, ...) to (B, C, ...)."""
        return torch.relu(x + self.expand(self.depthwise(self.shuffle(self.reduce(x)))))


Operation = Callable[[int, int, Configuration, Configuration], nn.Module]

OPERATIONS: dict[str, Operation] = {
    "identity": lambda spatial_dims, channels, act, norm: nn.Identity(),
    "separable_conv_3x3": lambda spatial_dims, channels, act, norm: DepthwiseSeparableConvolution(
        spatial_dims, channels, act, norm, repeats=2
    ),
    "dilated_conv_3x3": lambda spatial_dims, channels, act, norm: DepthwiseSeparableConvolution(
        spatial_dims, channels, act, norm, dilation=2
    ),
    "ghost_conv_3x3": GhostConvolution,
    "selective_kernel_conv_3x3": SelectiveKernelConvolution,
    "shuffle_group_conv_3x3": ShuffleGroupConvolution,
    "max_pool_3x3": lambda spatial_dims, channels, act, norm: Pool["max", spatial_dims](3, stride=1, padding=1),
    "zero": lambda spatial_dims, channels, act, norm: Zero(),
    "separable_conv_5x5": lambda spatial_dims, channels, act, norm: DepthwiseSeparableConvolution(
        spatial_dims, channels, act, norm, kernel_size=5, repeats=2
    ),
    "dilated_conv_5x5": lambda spatial_dims, channels, act, norm: DepthwiseSeparableConvolution(
        spatial_dims, channels, act, norm, kernel_size=5, dilation=2
    ),
    "average_pool_3x3": lambda spatial_dims, channels, act, norm: AveragePool(spatial_dims),
}

SEARCH_SPACES: dict[str, tuple[str, ...]] = {
    "lwmisn": (
        "identity",
        "separable_conv_3x3",
        "dilated_conv_3x3",
        "ghost_conv_3x3",
        "selective_kernel_conv_3x3",
        "shuffle_group_conv_3x3",
        "max_pool_3x3",
        "zero",
    ),
    "darts": (
        "identity",
        "separable_conv_3x3",
        "separable_conv_5x5",
        "dilated_conv_3x3",
        "dilated_conv_5x5",
        "max_pool_3x3",
        "average_pool_3x3",
        "zero",
    ),
}
"""The paper's eight candidates, and DARTS's (Liu et al., ICLR 2019, section 3.1), with which it compares them."""

PARAMETER_FREE = frozenset({"identity", "max_pool_3x3", "average_pool_3x3", "zero"})
"""Operations that learn nothing: a search that collapses ends in these."""
