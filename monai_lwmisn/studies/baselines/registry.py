"""The registry of the baseline networks."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks.blocks import check_images, crop_like

Builder = Callable[[int, int], nn.Module]
"""A class or function that is called with in_channels and out_channels."""


@dataclass(frozen=True)
class Baseline:
    """A 2D network that ours is compared with.

    Attributes:
        name: its name on the command line.
        builder: builds it.
        source: the publication that it follows.
        licence: the licence of the authors' code, of which nothing is copied; "MONAI" if the network is MONAI's own.
        multiple: the network needs a height and width divisible by this number. Other sizes are padded and cropped.
    """

    name: str
    builder: Builder
    source: str
    licence: str
    multiple: int

    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        """Build the network with random weights. It takes images of any size and gives logits of that size."""
        return AnySize(self.builder(in_channels, out_channels), in_channels, self.multiple)


class AnySize(nn.Module):
    """Pads images at their ends to a divisible size, and crops the logits back.

    The padding repeats the last pixels, so that a network normalises over values of the image alone.

    Args:
        network: maps (B, in_channels, H, W) to logits of the same size.
        in_channels: channels of the images.
        multiple: the network needs a height and width divisible by this number.
    """

    def __init__(self, network: nn.Module, in_channels: int, multiple: int) -> None:
        super().__init__()
        self.network = network
        self.in_channels, self.multiple = in_channels, multiple

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, H, W) of any size to logits (B, out_channels, H, W)."""
        check_images(x, self.in_channels)
        height, width = x.shape[2:]
        padding = [0, -width % self.multiple, 0, -height % self.multiple]
        return crop_like(self.network(functional.pad(x, padding, mode="replicate")), x)


BASELINES: dict[str, Baseline] = {}
"""Every baseline by its name."""


def baseline(name: str, *, source: str, licence: str, multiple: int) -> Callable[[Builder], Builder]:
    """Register the decorated class or function as a baseline; see :class:`Baseline`."""

    def register(builder: Builder) -> Builder:
        BASELINES[name] = Baseline(name, builder, source, licence, multiple)
        return builder

    return register


def find_baseline(name: str) -> Baseline:
    """Return a baseline by its name.

    Raises:
        ConfigError: the name is unknown. The message names the nearest.
    """
    if name not in BASELINES:
        nearest = difflib.get_close_matches(name, BASELINES, n=1, cutoff=0.0)[0]
        raise ConfigError(f"There is no baseline '{name}': the nearest is '{nearest}' (of {', '.join(BASELINES)}).")
    return BASELINES[name]


def build_baseline(name: str, in_channels: int, out_channels: int) -> nn.Module:
    """Build a baseline by its name; see :meth:`Baseline.build`.

    Raises:
        ConfigError: the name is unknown.
    """
    return find_baseline(name).build(in_channels, out_channels)
