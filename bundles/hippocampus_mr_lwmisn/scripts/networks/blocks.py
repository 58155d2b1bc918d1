"""The two blocks everything is made of: a normalised convolution, and the alignment of a tensor to another's grid."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from monai.networks.layers.factories import Pool
from torch import nn

Configuration = tuple[str, dict] | str
"""A MONAI layer configuration: a name, or a name with keyword arguments."""

ACTIVATION: Configuration = ("relu", {"inplace": True})
NORMALISATION: Configuration = ("batch", {"eps": 1e-5, "momentum": 0.1})


def convolution(
    spatial_dims: int,
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
    """A convolution without bias that keeps the size (divided by ``stride``), then normalisation, then activation.

    Args:
        act: activation as a MONAI layer configuration; ``None`` leaves it out.
        norm: normalisation as a MONAI layer configuration; ``None`` leaves it out.
    """
    return Convolution(
        spatial_dims,
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

    Levels round their size up (pooling with ``ceil_mode``), so on the way back up a tensor may be one or more
    voxels too long; cropping, unlike padding before a concatenation, survives ``torch.export`` with dynamic sizes.
    """
    for axis in range(2, x.dim()):
        x = x.narrow(axis, 0, reference.shape[axis])
    return x


class Alignment(nn.Module):
    """A 1x1 convolution to the node width, and the resize to the grid of the newer cell input.

    The paper does not say how two inputs of different sizes meet in a cell; a 1x1 convolution and a linear resize
    commute, so each runs where the tensor is small.

    Args:
        scale: size of the newer input over the size of this one: 0.5, 1 or 2.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        scale: float,
        act: Configuration,
        norm: Configuration,
    ) -> None:
        super().__init__()
        self.shrink: nn.Module = _halving(spatial_dims) if scale < 1 else nn.Identity()
        self.project = convolution(spatial_dims, in_channels, out_channels, kernel_size=1, act=act, norm=norm)
        self.enlarge: nn.Module = (
            nn.Upsample(scale_factor=2, mode=linear_mode(spatial_dims)) if scale > 1 else nn.Identity()
        )

    def forward(self, x: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Map ``x`` (B, in_channels, ...) to (B, out_channels, spatial shape of ``reference``)."""
        return crop_like(self.enlarge(self.project(self.shrink(x))), reference)


def _halving(spatial_dims: int) -> nn.Module:
    """The mean of pairs along each axis; an odd last element stands alone."""
    if spatial_dims == 2:
        return Pool["avg", 2](2, stride=2, ceil_mode=True, count_include_pad=False)
    # torch refuses to pool a volume that is thinner than the kernel; the mean of a repeated element is the element.
    return nn.Sequential(nn.ReplicationPad3d((0, 1, 0, 1, 0, 1)), Pool["avg", 3](2, stride=2))


def linear_mode(spatial_dims: int) -> str:
    """The name torch gives to linear interpolation in 2 or 3 dimensions."""
    return {2: "bilinear", 3: "trilinear"}[spatial_dims]


def check_images(x: torch.Tensor, spatial_dims: int, in_channels: int) -> None:
    """Refuse a batch a network cannot take.

    Raises:
        ValueError: when ``x`` is not (batch, in_channels, spatial...).
    """
    if x.dim() != spatial_dims + 2 or x.shape[1] != in_channels:
        raise ValueError(
            f"The network takes (batch, {in_channels}, {'depth, ' if spatial_dims == 3 else ''}height, width) "
            f"and was given {list(x.shape)}: bring the images to {in_channels} channel(s), channel first."
        )
