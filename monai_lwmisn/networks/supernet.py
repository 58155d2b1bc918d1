"""The supernet: every candidate on every edge, weighted by the architecture parameters alpha (paper, section 2.2).

The edge weights are not the paper's. They are those of PC-DARTS (Xu et al., ICLR 2020, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks.architecture import STAGES, Architecture
from monai_lwmisn.networks.blocks import ACTIVATION, Configuration
from monai_lwmisn.networks.cells import MixedCell
from monai_lwmisn.networks.genotype import (
    EDGES_PER_NODE,
    INPUTS,
    NODES,
    OPERATION_NAMES,
    SEARCH_SPACES,
    SHARED,
    Edge,
    candidate_edges,
)
from monai_lwmisn.networks.shapes import CellSite, build_shape

MODES = ("full", "partial", "pair", "single")
DRAWN = {"pair": 2, "single": 1}
"""In the modes that draw them, how many candidates run on an edge."""

ALPHA_GROUPS = {"shared": (SHARED,), "stages": STAGES}

CHANNEL_SHARE = 0.25
"""Share of the channels that passes through the candidates in the mode ``partial`` (PC-DARTS, ICLR 2020)."""

SEARCH_NORMALISATION: Configuration = ("batch", {"affine": False})
"""Without scale and shift, which would undo the weights of the mixture (DARTS, appendix A.1.1)."""


def find_candidates(search_space: str | Sequence[str], without_zero: bool = False) -> tuple[str, ...]:
    """The candidate operations of a search space given by name (``lwmisn``, ``darts``) or as a list of operations.

    Args:
        search_space: the name or the list.
        without_zero: whether to leave Zero out, which is never derived.

    Raises:
        ConfigError: for an unknown search space or operation.
    """
    if isinstance(search_space, str):
        if search_space not in SEARCH_SPACES:
            raise ConfigError(f"search.search_space is {search_space!r}: use one of {', '.join(SEARCH_SPACES)}.")
        search_space = SEARCH_SPACES[search_space]
    for name in search_space:
        if name not in OPERATION_NAMES:
            raise ConfigError(
                f"search.search_space has the operation {name!r}: use some of {', '.join(OPERATION_NAMES)}."
            )
    return tuple(name for name in search_space if not (without_zero and name == "zero"))


def find_groups(alpha_groups: str) -> tuple[str, ...]:
    """The groups of cells that share an alpha: ``shared`` for one group, ``stages`` for one group per stage.

    Raises:
        ConfigError: for another name.
    """
    if alpha_groups not in ALPHA_GROUPS:
        raise ConfigError(f"search.alpha_groups is {alpha_groups!r}: use one of {', '.join(ALPHA_GROUPS)}.")
    return ALPHA_GROUPS[alpha_groups]


class Supernet(nn.Module):
    """The over-parameterised network that the search trains.

    Args:
        architecture: the shape of the supernet and of the network to be derived.
        operations: a search space by name (``lwmisn``, ``darts``) or the names of the candidates.
        mode: ``full`` runs every candidate (as published). ``partial`` runs every candidate on a quarter of the
            channels. ``pair`` draws two candidates per edge in each forward pass, and weighs them against each other
            (as Cai et al., "ProxylessNAS", ICLR 2019, do for alpha). ``single`` draws one, by Gumbel softmax (Dong and
            Yang, "GDAS", CVPR 2019).
        alpha_groups: ``shared`` (one alpha for all cells, as published) or ``stages`` (encoder, middle, decoder).
        edge_weights: whether the edges of a node are weighted against each other. The modes that draw candidates then
            draw two edges for each node too, as many as a derived network has.
        drop_path: probability with which an operation is dropped for an image during training.
        act: activation, as a MONAI layer configuration.
        norm: normalisation, as a MONAI layer configuration.

    Attributes:
        alpha: (groups, 14, candidates), the architecture parameters.
        beta: (groups, 14), those of the edges; None without edge weights.
        temperature: divides alpha where candidates are drawn: the lower, the more the strong ones prevail.

    Raises:
        ConfigError: for an unknown search space, mode or kind of groups, or fewer than two candidates.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        operations: str | Sequence[str] = "lwmisn",
        mode: str = "full",
        alpha_groups: str = "shared",
        edge_weights: bool = False,
        drop_path: float = 0.0,
        act: Configuration = ACTIVATION,
        norm: Configuration = SEARCH_NORMALISATION,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ConfigError(f"search.mode is {mode!r}: use one of {', '.join(MODES)}.")
        self.operations = find_candidates(operations)
        if len(self.operations) < 2:
            raise ConfigError("search.search_space leaves fewer than two operations to choose from: name more.")
        self.groups = find_groups(alpha_groups)
        self.mode, self.temperature = mode, 1.0
        self._path: tuple[torch.Tensor, torch.Tensor] | None = None

        def make_cell(site: CellSite) -> MixedCell:
            return MixedCell(
                site.in_channels,
                site.channels,
                site.scale,
                self.operations,
                act,
                norm,
                drop_path,
                CHANNEL_SHARE if mode == "partial" else 1.0,
            )

        self.body = build_shape(architecture, make_cell, act, norm)
        shape = (len(self.groups), len(candidate_edges()))
        self.alpha = nn.Parameter(torch.empty(*shape, len(self.operations)))
        self.beta = nn.Parameter(torch.empty(*shape)) if edge_weights else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw alpha and beta anew, so that nothing is preferred yet."""
        for parameter in self.alpha_parameters():
            nn.init.normal_(parameter, std=1e-3)

    @property
    def sites(self) -> list[CellSite]:
        """The places of the cells, in the order in which they run."""
        return self.body.sites

    def group_of(self, stage: str) -> int:
        """The row of alpha that the cells of a stage use."""
        return 0 if self.groups == (SHARED,) else self.groups.index(stage)

    def alpha_parameters(self) -> list[nn.Parameter]:
        """Alpha and, with edge weights, beta."""
        return [self.alpha] if self.beta is None else [self.alpha, self.beta]

    def weight_parameters(self) -> list[nn.Parameter]:
        """All trained parameters except alpha and beta."""
        return [parameter for name, parameter in self.named_parameters() if name not in ("alpha", "beta")]

    def probabilities(self) -> torch.Tensor:
        """The softmax of alpha over the candidates (eq. 4), (groups, 14, candidates)."""
        return functional.softmax(self.alpha, dim=-1)

    def edge_weights(self) -> torch.Tensor:
        """The weight of each edge (groups, 14): 1 without edge weights, otherwise a softmax over those of a node.

        The weights of a node add up to 2, the number of edges that are derived, so that costs and features of the
        supernet are on the scale of a derived network.
        """
        if self.beta is None:
            return torch.ones_like(self.alpha[..., 0])
        return EDGES_PER_NODE * torch.cat([node.softmax(dim=-1) for node in _by_node(self.beta)], dim=-1)

    def strengths(self) -> torch.Tensor:
        """The softmax of alpha times the edge weights, (groups, 14, candidates), from which edges are derived."""
        return self.probabilities() * self.edge_weights()[..., None]

    def follow(self, edges: Mapping[str, Sequence[Edge]] | None) -> None:
        """Compute with these edges by group alone, each of weight 1, in all forward passes; None for alpha again."""
        if edges is None:
            self._path = None
            return
        weights = torch.zeros_like(self.alpha)
        for group, cell in edges.items():
            for edge in cell:
                row = candidate_edges().index((edge.node, edge.predecessor))
                weights[self.groups.index(group), row, self.operations.index(edge.operation)] = 1
        self._path = weights, weights.sum(dim=-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, H, W) of any size to logits (B, out_channels, H, W)."""
        weights, edges = self._path or self._weights()
        for cell, site in zip(self._cells(), self.sites, strict=True):
            group = self.group_of(site.stage)
            cell.weights, cell.edges = weights[group], edges[group]
        return self.body(x)

    def _weights(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The weights of the candidates and of the edges in a forward pass."""
        if self.mode not in DRAWN:
            return self.probabilities(), self.edge_weights()
        if self.mode == "single":
            weights = functional.gumbel_softmax(self.alpha, tau=self.temperature, hard=True, dim=-1)
        else:
            weights = draw_softmax(self.alpha / self.temperature, DRAWN[self.mode])
        if self.beta is None:
            return weights, self.edge_weights()
        drawn = [EDGES_PER_NODE * draw_softmax(node, EDGES_PER_NODE) for node in _by_node(self.beta)]
        return weights, torch.cat(drawn, dim=-1)

    def _cells(self) -> list[MixedCell]:
        return [module for module in self.body.modules() if isinstance(module, MixedCell)]


def draw_softmax(logits: torch.Tensor, count: int) -> torch.Tensor:
    """Draw entries of the last axis by their softmax, without replacement; return the softmax over those, others 0.

    The largest sums of logits and Gumbel noise are such a draw (Kool et al., ICML 2019).
    """
    noise = -torch.empty_like(logits).exponential_().log()
    drawn = (logits + noise).topk(count, dim=-1).indices
    return (logits + torch.full_like(logits, -math.inf).scatter(-1, drawn, 0.0)).softmax(dim=-1)


def _by_node(edges: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Split (groups, 14) by the node to which the edges lead."""
    return edges.split([INPUTS + node for node in range(NODES)], dim=-1)
