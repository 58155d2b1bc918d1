"""Cells: the searched one, where every edge mixes all candidates, and the derived one (paper, section 2.1, fig. 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers import DropPath
from torch import nn

from monai_lwmisn.networks.blocks import Alignment, Configuration
from monai_lwmisn.networks.genotype import INPUTS, NODES, Edge, candidate_edges
from monai_lwmisn.networks.operations import OPERATIONS, Zero


def make_operation(
    name: str, spatial_dims: int, channels: int, act: Configuration, norm: Configuration, drop_path: float
) -> nn.Module:
    """An operation by name; one that computes something is dropped per image with probability ``drop_path``."""
    operation = OPERATIONS[name](spatial_dims, channels, act, norm)
    if drop_path == 0 or isinstance(operation, (nn.Identity, Zero)):
        return operation
    return nn.Sequential(operation, DropPath(drop_path))


class Cell(nn.Module):
    """A derived cell: each of the four nodes sums two operations; the nodes are concatenated.

    Args:
        in_channels: channels of the older and the newer input.
        channels: channels of a node; the output has four times as many.
        scale: size of the newer input over the size of the older: 0.5, 1 or 2.
        edges: the eight retained edges.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: tuple[int, int],
        channels: int,
        scale: float,
        edges: Sequence[Edge],
        act: Configuration,
        norm: Configuration,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.older = Alignment(spatial_dims, in_channels[0], channels, scale, act, norm)
        self.newer = Alignment(spatial_dims, in_channels[1], channels, 1, act, norm)
        # Sorted, so that two genotypes that differ in the order of rows have the same state_dict.
        ordered = sorted(edges)
        self.operations = nn.ModuleList(
            make_operation(edge.operation, spatial_dims, channels, act, norm, drop_path) for edge in ordered
        )
        self.predecessors = [edge.predecessor for edge in ordered]

    def forward(self, older: torch.Tensor, newer: torch.Tensor) -> torch.Tensor:
        """Map the outputs (B, C0, ...), (B, C1, ...) of the two cells before to (B, 4 * channels, size of newer)."""
        states = [self.older(older, newer), self.newer(newer, newer)]
        results: list[torch.Tensor] = []
        for index, operation in enumerate(self.operations):
            result = operation(states[self.predecessors[index]])
            if index % 2 == 0:
                results.append(result)
            else:
                states.append(results[-1] + result)
        return torch.cat(states[2:], dim=1)


class MixedOperation(nn.Module):
    """The continuous relaxation of an edge (eq. 4): the weighted sum of all candidates.

    Args:
        operations: names of the candidates.
        channel_share: the share of channels that goes through the candidates; the others pass by and are shuffled in
            (Xu et al., "PC-DARTS", ICLR 2020, section 3.1). 1 is the published mixture.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: int,
        operations: Sequence[str],
        act: Configuration,
        norm: Configuration,
        drop_path: float,
        channel_share: float = 1.0,
    ) -> None:
        super().__init__()
        self.mixed_channels = max(1, round(channels * channel_share))
        self.operations = nn.ModuleList(
            make_operation(name, spatial_dims, self.mixed_channels, act, norm, drop_path) for name in operations
        )
        interleaved = channels % self.mixed_channels == 0 and self.mixed_channels < channels
        self.shuffle = nn.ChannelShuffle(channels // self.mixed_channels) if interleaved else nn.Identity()

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Mix ``x`` (B, C, ...) by ``weights`` (number of candidates); a candidate whose weight is zero is not run."""
        mixed, passed = x[:, : self.mixed_channels], x[:, self.mixed_channels :]
        # One look at the values, not one per candidate: on a GPU each would wait for the device.
        live = [
            weight * operation(mixed)
            for weight, operation, value in zip(weights, self.operations, weights.tolist(), strict=True)
            if value != 0 and not isinstance(operation, Zero)
        ]
        result = sum(live[1:], start=live[0]) if live else torch.zeros_like(mixed)
        return result if passed.shape[1] == 0 else self.shuffle(torch.cat([result, passed], dim=1))


class MixedCell(nn.Module):
    """A cell of the supernet: all 14 edges, each a mixture. See :class:`Cell` for the arguments they share.

    ``weights`` (14, number of candidates) is set by the supernet before each forward pass, so that searched and derived
    cells are called alike and the shape of the network is written once.
    """

    weights: torch.Tensor

    def __init__(
        self,
        spatial_dims: int,
        in_channels: tuple[int, int],
        channels: int,
        scale: float,
        operations: Sequence[str],
        act: Configuration,
        norm: Configuration,
        drop_path: float = 0.0,
        channel_share: float = 1.0,
    ) -> None:
        super().__init__()
        self.older = Alignment(spatial_dims, in_channels[0], channels, scale, act, norm)
        self.newer = Alignment(spatial_dims, in_channels[1], channels, 1, act, norm)
        self.mixtures = nn.ModuleList(
            MixedOperation(spatial_dims, channels, operations, act, norm, drop_path, channel_share)
            for _ in candidate_edges()
        )

    def forward(self, older: torch.Tensor, newer: torch.Tensor) -> torch.Tensor:
        """Map the outputs of the two cells before to (B, 4 * channels, size of newer)."""
        states = [self.older(older, newer), self.newer(newer, newer)]
        edge = 0
        for node in range(NODES):
            incoming = []
            for predecessor in range(INPUTS + node):
                incoming.append(self.mixtures[edge](states[predecessor], self.weights[edge]))
                edge += 1
            states.append(sum(incoming[1:], start=incoming[0]))
        return torch.cat(states[INPUTS:], dim=1)
