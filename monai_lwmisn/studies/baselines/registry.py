"""The registry of the networks that ours is compared with."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks.blocks import crop_like

Builder = Callable[[int, int, int], nn.Module]
"""A class or function that is called with spatial_dims, in_channels and out_channels."""


@dataclass(frozen=True)
class Baseline:
    """A network that ours is compared with.

    Attributes:
        name: by which the command line knows it.
        builder: makes it.
        source: the publication it is written from.
        licence: of the authors' code, of which nothing is copied; "MONAI" where the network is MONAI's own.
        multiple: what height and width have to be divisible by; other sizes are padded and cropped back.
        spatial_dims: those it can be built for.
    """

    name: str
    builder: Builder
    source: str
    licence: str
    multiple: int
    spatial_dims: tuple[int, ...]

    def build(self, in_channels: int, out_channels: int, spatial_dims: int = 2) -> nn.Module:
        """Make the network with random weights; it takes images of any size and gives logits of that size.

        Raises:
            ConfigError: for spatial dimensions it has not been defined for.
        """
        if spatial_dims not in self.spatial_dims:
            raise ConfigError(f"{self.name} is not defined for spatial_dims {spatial_dims}: use {self.spatial_dims}.")
        network = self.builder(spatial_dims, in_channels, out_channels)
        return AnySize(network, spatial_dims, in_channels, self.multiple)


class AnySize(nn.Module):
    """Pads images at their ends to a divisible size, and crops the logits back.

    It repeats the last pixels, so that what a network takes its means and deviations from is image and nothing else.

    Args:
        network: maps (B, in_channels, ...) to logits of the same size.
        multiple: what each axis has to be divisible by.
    """

    def __init__(self, network: nn.Module, spatial_dims: int, in_channels: int, multiple: int) -> None:
        super().__init__()
        self.network = network
        self.spatial_dims, self.in_channels, self.multiple = spatial_dims, in_channels, multiple

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, ...) of any size to logits (B, out_channels, ...) of that size."""
        if x.dim() != self.spatial_dims + 2 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"The network takes (batch, {self.in_channels}, {'depth, ' if self.spatial_dims == 3 else ''}height, "
                f"width) and was given {list(x.shape)}: bring the images to {self.in_channels} channel(s)."
            )
        padding: list[int] = []
        for size in reversed(x.shape[2:]):
            padding += [0, -size % self.multiple]
        return crop_like(self.network(functional.pad(x, padding, mode="replicate")), x)


BASELINES: dict[str, Baseline] = {}
"""Every baseline by its name."""


def baseline(
    name: str, *, source: str, licence: str, multiple: int, spatial_dims: tuple[int, ...] = (2, 3)
) -> Callable[[Builder], Builder]:
    """Register the decorated class or function as a baseline; see :class:`Baseline`."""

    def register(builder: Builder) -> Builder:
        BASELINES[name] = Baseline(name, builder, source, licence, multiple, spatial_dims)
        return builder

    return register


def linear_mode(spatial_dims: int) -> str:
    """The name that torch gives to linear interpolation in 2 or 3 dimensions."""
    return {2: "bilinear", 3: "trilinear"}[spatial_dims]


def find_baseline(name: str) -> Baseline:
    """A baseline by its name.

    Raises:
        ConfigError: for an unknown name, with the nearest.
    """
    if name not in BASELINES:
        nearest = difflib.get_close_matches(name, BASELINES, n=1, cutoff=0.0)[0]
        raise ConfigError(f"There is no baseline '{name}': the nearest is '{nearest}' (of {', '.join(BASELINES)}).")
    return BASELINES[name]


def build_baseline(name: str, in_channels: int, out_channels: int, spatial_dims: int = 2) -> nn.Module:
    """Make a baseline by its name; see :meth:`Baseline.build`.

    Raises:
        ConfigError: for an unknown name.
    """
    return find_baseline(name).build(in_channels, out_channels, spatial_dims)
