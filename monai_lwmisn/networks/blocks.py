"""The two blocks of which every network is made: a normalised convolution, and the alignment of a cell's input."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from torch import nn

Configuration = tuple[str, dict] | str
"""A MONAI layer configuration: a name, or a name with keyword arguments."""

ACTIVATION: Configuration = ("relu", {"inplace": True})
NORMALISATION: Configuration = ("batch", {"eps": 1e-5, "momentum": 0.1})


def convolution(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int = 3,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    act: Configuration | None,
    norm: Configuration | None,
) -> nn.Sequential:
    """A 2D convolution without bias that keeps the size (divided by ``stride``), then normalisation and activation.

    Args:
        act: the activation as a MONAI layer configuration, or ``None`` for no activation.
        norm: the normalisation as a MONAI layer configuration, or ``None`` for no normalisation.
    """
    return Convolution(
        2,
        in_channels,
        out_channels,
        kernel_size=kernel_size,
        strides=stride,
        dilation=dilation,
        groups=groups,
        act=act,
        norm=norm,
        bias=False,
        adn_ordering="NA",
    )


def crop_like(x: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Crop the spatial axes of ``x`` (B, C, ...) at their ends to the spatial shape of ``reference``.

    Pooling rounds odd sizes up (``ceil_mode``), so the decoder's tensors may be one or more pixels too long. Unlike
    padding before a concatenation, cropping works in ``torch.export`` with dynamic sizes.
    """
    for axis in range(2, x.dim()):
        x = x.narrow(axis, 0, reference.shape[axis])
    return x


class Alignment(nn.Module):
    """A 1x1 convolution to the node width, and the resize of an input to the size at which its cell works.

    The paper does not say how a cell joins two inputs of different sizes. A 1x1 convolution and a linear resize
    commute, so the convolution runs where the tensor is small.

    Args:
        in_channels: channels of the input.
        out_channels: channels of a node.
        scale: the size at which the cell works over the size of the input: 0.5, 1 or 2.
        act: activation, as a MONAI layer configuration.
        norm: normalisation, as a MONAI layer configuration.
    """

    def __init__(
        self, in_channels: int, out_channels: int, scale: float, act: Configuration, norm: Configuration
    ) -> None:
        super().__init__()
        # The mean of pairs along each axis; an odd last element stands alone.
        halving = nn.AvgPool2d(2, stride=2, ceil_mode=True, count_include_pad=False)
        self.shrink: nn.Module = halving if scale < 1 else nn.Identity()
        self.project = convolution(in_channels, out_channels, kernel_size=1, act=act, norm=norm)
        self.enlarge: nn.Module = nn.Upsample(scale_factor=2, mode="bilinear") if scale > 1 else nn.Identity()

    def forward(self, x: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Map ``x`` (B, in_channels, H, W) to (B, out_channels, height and width of ``reference``)."""
        return crop_like(self.enlarge(self.project(self.shrink(x))), reference)


def check_images(x: torch.Tensor, in_channels: int) -> None:
    """Refuse a batch that a network cannot take.

    Raises:
        ValueError: when ``x`` is not (batch, in_channels, height, width).
    """
    if x.dim() != 4 or x.shape[1] != in_channels:
        raise ValueError(
            f"The network takes (batch, {in_channels}, height, width) "
            f"and was given {list(x.shape)}: give images with that number of channels, channel first."
        )
