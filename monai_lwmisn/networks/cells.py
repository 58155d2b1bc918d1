"""Cells: the derived cell and the cell of the supernet, whose edges mix all candidates (paper, section 2.1, fig. 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers import DropPath
from torch import nn

from monai_lwmisn.networks.blocks import Alignment, Configuration
from monai_lwmisn.networks.genotype import INPUTS, NODES, Edge, candidate_edges
from monai_lwmisn.networks.operations import OPERATIONS, Zero


def make_operation(name: str, channels: int, act: Configuration, norm: Configuration, drop_path: float) -> nn.Module:
    """Build an operation by name. One that computes something is dropped per image with probability ``drop_path``."""
    operation = OPERATIONS[name](channels, act, norm)
    if drop_path == 0 or isinstance(operation, (nn.Identity, Zero)):
        return operation
    return nn.Sequential(operation, DropPath(drop_path))


class Cell(nn.Module):
    """A derived cell: each of the four nodes is the sum of two operations, and the output concatenates the nodes.

    Args:
        in_channels: channels of the two inputs: of the cell before the previous one, and of the previous one.
        channels: channels of a node; the output has four times as many.
        scale: size of the previous cell's output over the size of the output before it: 0.5, 1 or 2.
        edges: the eight retained edges.
        act: activation, as a MONAI layer configuration.
        norm: normalisation, as a MONAI layer configuration.
        drop_path: probability with which an operation is dropped for an image during training.
    """

    def __init__(
        self,
        in_channels: tuple[int, int],
        channels: int,
        scale: float,
        edges: Sequence[Edge],
        act: Configuration,
        norm: Configuration,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.prev_prev = Alignment(in_channels[0], channels, scale, act, norm)
        self.prev = Alignment(in_channels[1], channels, 1, act, norm)
        # Sorted, so that the state_dict does not depend on the order of the edges in the file.
        ordered = sorted(edges)
        self.operations = nn.ModuleList(
            make_operation(edge.operation, channels, act, norm, drop_path) for edge in ordered
        )
        self.predecessors = [edge.predecessor for edge in ordered]

    def forward(self, prev_prev: torch.Tensor, prev: torch.Tensor) -> torch.Tensor:
        """Map the outputs of the two cells before to (B, 4 * channels, height and width of ``prev``)."""
        states = [self.prev_prev(prev_prev, prev), self.prev(prev, prev)]
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
        channels: channels of a node.
        operations: names of the candidates.
        act: activation, as a MONAI layer configuration.
        norm: normalisation, as a MONAI layer configuration.
        drop_path: probability with which an operation is dropped for an image during training.
        channel_share: the share of the channels that passes through the candidates. The other channels bypass them
            and are shuffled in (Xu et al., "PC-DARTS", ICLR 2020, section 3.1). 1 is the published mixture.
    """

    def __init__(
        self,
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
            make_operation(name, self.mixed_channels, act, norm, drop_path) for name in operations
        )
        interleaved = channels % self.mixed_channels == 0 and self.mixed_channels < channels
        self.shuffle = nn.ChannelShuffle(channels // self.mixed_channels) if interleaved else nn.Identity()

    def forward(self, x: torch.Tensor, weights: torch.Tensor, edge: torch.Tensor | float = 1.0) -> torch.Tensor:
        """Mix ``x`` (B, C, H, W) by ``weights`` (number of candidates), times the weight of the edge.

        A candidate of weight zero does not run.
        """
        mixed, passed, weights = x[:, : self.mixed_channels], edge * x[:, self.mixed_channels :], edge * weights
        # All values are read at once, because each read from a GPU waits for it.
        live = [
            weight * operation(mixed)
            for weight, operation, value in zip(weights, self.operations, weights.tolist(), strict=True)
            if value != 0 and not isinstance(operation, Zero)
        ]
        result = sum(live[1:], start=live[0]) if live else torch.zeros_like(mixed)
        return result if passed.shape[1] == 0 else self.shuffle(torch.cat([result, passed], dim=1))


class MixedCell(nn.Module):
    """A cell of the supernet: all 14 edges, each a mixture. Its arguments are those of its parts and :class:`Cell`.

    The supernet sets ``weights`` (14, number of candidates) and ``edges`` (14) before each forward pass. Mixed and
    derived cells are therefore called alike, and a shape takes either. An edge of weight zero does not run.
    """

    weights: torch.Tensor
    edges: torch.Tensor

    def __init__(
        self,
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
        self.prev_prev = Alignment(in_channels[0], channels, scale, act, norm)
        self.prev = Alignment(in_channels[1], channels, 1, act, norm)
        self.mixtures = nn.ModuleList(
            MixedOperation(channels, operations, act, norm, drop_path, channel_share) for _ in candidate_edges()
        )

    def forward(self, prev_prev: torch.Tensor, prev: torch.Tensor) -> torch.Tensor:
        """Map the outputs of the two cells before to (B, 4 * channels, height and width of ``prev``)."""
        states = [self.prev_prev(prev_prev, prev), self.prev(prev, prev)]
        runs = [value != 0 for value in self.edges.tolist()]
        for node in range(NODES):
            incoming = [
                self.mixtures[row](states[predecessor], self.weights[row], self.edges[row])
                for row, (target, predecessor) in enumerate(candidate_edges())
                if target == node and runs[row]
            ]
            states.append(sum(incoming[1:], start=incoming[0]))
        return torch.cat(states[INPUTS:], dim=1)
