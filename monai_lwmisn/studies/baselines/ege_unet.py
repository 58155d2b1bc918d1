"""EGE-UNet: attention by learned weights along the image axes, and skip connections guided by a coarse mask."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn import functional

from monai_lwmisn.studies.baselines.registry import baseline

CONVOLUTIONAL_WIDTHS = (8, 16, 24)
ATTENTION_WIDTHS = (32, 48, 64)

DILATIONS = (1, 2, 5, 7)
"""Dilations of the four groups of a bridge."""

WEIGHT_SIZE = 8
"""Length of the learned weights along each axis. They are resized to the image."""

NORM_GROUPS = 4


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, H, W); see ``torch.nn.LayerNorm``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        # The ONNX exporter that traces does not support negative axes.
        last = x.dim() - 1
        return super().forward(x.movedim(1, last)).movedim(last, 1)


def depthwise_convolution(dimensions: int, channels: int, dilation: int = 1) -> nn.Module:
    """A depthwise convolution with kernels of size 3 along one or two dimensions."""
    convolution = {1: nn.Conv1d, 2: nn.Conv2d}[dimensions]
    return convolution(channels, channels, kernel_size=3, padding=dilation, dilation=dilation, groups=channels)


class HadamardProductAttention(nn.Module):
    """Multiplies the input by learned weights that vary along some image axes and are constant along the others.

    Source: EGE-UNet, section 2, "Group multi-axis Hadamard Product Attention".

    Args:
        channels: channels of the input.
        axes: axes of (B, C, H, W) along which the weights vary: (2, 3), (2,) or (3,).
    """

    def __init__(self, channels: int, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes
        self.mode = "linear" if len(axes) == 1 else "bilinear"
        self.weight = nn.Parameter(torch.ones(1, channels, *(WEIGHT_SIZE for _ in axes)))
        self.refine = nn.Sequential(
            depthwise_convolution(len(axes), channels),
            nn.GELU(),
            {1: nn.Conv1d, 2: nn.Conv2d}[len(axes)](channels, channels, kernel_size=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        size = [x.shape[axis] for axis in self.axes]
        weight = self.refine(functional.interpolate(self.weight, size, mode=self.mode, align_corners=True))
        for axis in (2, 3):
            if axis not in self.axes:
                weight = weight.unsqueeze(axis)
        return x * weight


class GroupedAttention(nn.Module):
    """Attention over both axes, over the height, over the width, and a convolution, for a quarter of the channels each.

    Source: EGE-UNet, section 2, "Group multi-axis Hadamard Product Attention".
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        quarter = in_channels // 4
        self.norm = ChannelLayerNorm(in_channels, eps=1e-6)
        self.groups = nn.ModuleList(
            [
                HadamardProductAttention(quarter, axes=(2, 3)),
                HadamardProductAttention(quarter, axes=(2,)),
                HadamardProductAttention(quarter, axes=(3,)),
                nn.Sequential(nn.Conv2d(quarter, quarter, kernel_size=1), nn.GELU(), depthwise_convolution(2, quarter)),
            ]
        )
        self.mix = nn.Sequential(
            ChannelLayerNorm(in_channels, eps=1e-6),
            depthwise_convolution(2, in_channels),
            nn.GELU(),
            nn.Conv2d(in_channels, out_channels, kernel_size=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        parts = self.norm(x).chunk(len(self.groups), dim=1)
        return self.mix(torch.cat([group(part) for group, part in zip(self.groups, parts, strict=True)], dim=1))


class GroupAggregationBridge(nn.Module):
    """Joins a skip with the bridge of the level below. Groups of both and a mask have convolutions of own dilations.

    Source: EGE-UNet, section 2, "Group Aggregation Bridge".
    """

    def __init__(self, below_channels: int, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(below_channels, channels, kernel_size=1)
        # A quarter of the skip, a quarter of the level below, and the mask.
        group = channels // 2 + 1
        self.groups = nn.ModuleList(
            nn.Sequential(ChannelLayerNorm(group, eps=1e-6), depthwise_convolution(2, group, dilation))
            for dilation in DILATIONS
        )
        joined = len(DILATIONS) * group
        self.mix = nn.Sequential(ChannelLayerNorm(joined, eps=1e-6), nn.Conv2d(joined, channels, kernel_size=1))

    def forward(self, below: torch.Tensor, skip: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map ``below`` (B, below_channels, any size), ``skip`` (B, C, H, W), ``mask`` (B, 1, H, W) to (B, C, H, W)."""
        below = functional.interpolate(self.project(below), skip.shape[2:], mode="bilinear", align_corners=True)
        parts = zip(below.chunk(len(DILATIONS), dim=1), skip.chunk(len(DILATIONS), dim=1), strict=True)
        seen = [group(torch.cat([*part, mask], dim=1)) for group, part in zip(self.groups, parts, strict=True)]
        return self.mix(torch.cat(seen, dim=1))


def double_size() -> nn.Module:
    """Upsampling to twice the height and width, with aligned corners."""
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)


@baseline(
    "ege_unet",
    source="Ruan et al., 'EGE-UNet: an Efficient Group Enhanced UNet for skin lesion segmentation', MICCAI 2023, "
    "section 2",
    licence="Apache-2.0",
    multiple=32,
)
class EGEUNet(nn.Module):
    """EGE-UNet with widths 8 to 64.

    The authors also train the coarse masks of the five decoder stages (deep supervision). Here the masks guide the
    bridges only, and the loss sees the last output alone, as for every network.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        self.masks, self.bridges = nn.ModuleList(), nn.ModuleList()
        widths = (*CONVOLUTIONAL_WIDTHS, *ATTENTION_WIDTHS)
        for width in widths[:-1]:
            block = _block(in_channels, width, attention=width in ATTENTION_WIDTHS)
            self.encoder.append(nn.Sequential(block, nn.GroupNorm(NORM_GROUPS, width), nn.MaxPool2d(2), nn.GELU()))
            in_channels = width
        self.bottom = nn.Sequential(_block(in_channels, widths[-1], attention=True), nn.GELU())
        for below, width in zip(reversed(widths[1:]), reversed(widths[:-1]), strict=True):
            block = _block(below, width, attention=below in ATTENTION_WIDTHS)
            # The bottom and the last skip have the same size.
            enlarge = nn.Identity() if below == widths[-1] else double_size()
            self.decoder.append(nn.Sequential(block, nn.GroupNorm(NORM_GROUPS, width), enlarge, nn.GELU()))
            self.masks.append(nn.Conv2d(width, 1, kernel_size=1))
            self.bridges.append(GroupAggregationBridge(below, width))
        self.head = nn.Sequential(nn.Conv2d(widths[0], out_channels, kernel_size=1), double_size())
        self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 32."""
        skips: list[torch.Tensor] = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        x = bridged = self.bottom(x)
        for stage, mask, bridge in zip(self.decoder, self.masks, self.bridges, strict=True):
            x = stage(x)
            bridged = bridge(bridged, skips.pop(), mask(x))
            x = x + bridged
        return self.head(x)


def _block(in_channels: int, out_channels: int, *, attention: bool) -> nn.Module:
    """The block of a stage: attention where the features are small, a 3x3 convolution where they are large."""
    if attention:
        return GroupedAttention(in_channels, out_channels)
    return Convolution(2, in_channels, out_channels, conv_only=True)


def _initialise(module: nn.Module) -> None:
    """The initial weights of the authors' code."""
    if isinstance(module, nn.Conv1d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Conv2d):
        # The fan-out of a depthwise convolution is that of one channel, which is its fan-in.
        nn.init.kaiming_normal_(module.weight, mode="fan_out" if module.groups == 1 else "fan_in", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
