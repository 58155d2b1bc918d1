"""The supernet: every candidate on every edge, weighted by the architecture parameters alpha (paper, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks.architecture import STAGES, Architecture
from monai_lwmisn.networks.blocks import ACTIVATION, Configuration
from monai_lwmisn.networks.cells import MixedCell
from monai_lwmisn.networks.genotype import OPERATION_NAMES, SEARCH_SPACES, SHARED, candidate_edges
from monai_lwmisn.networks.shapes import CellSite, build_shape

MODES = ("full", "partial", "single")
ALPHA_GROUPS = {"shared": (SHARED,), "stages": STAGES}

CHANNEL_SHARE = 0.25
"""Share of the channels that passes through the candidates in the mode ``partial`` (PC-DARTS, ICLR 2020)."""

SEARCH_NORMALISATION: Configuration = ("batch", {"affine": False})
"""Without scale and shift, which would undo the weights of the mixture (DARTS, appendix A.1.1)."""


def find_candidates(search_space: str | Sequence[str]) -> tuple[str, ...]:
    """The candidate operations of a search space given by name (``lwmisn``, ``darts``) or as a list of operations.

    Raises:
        ConfigError: for an unknown search space or operation.
    """
    if isinstance(search_space, str):
        if search_space not in SEARCH_SPACES:
            raise ConfigError(f"search.search_space is {search_space!r}: use one of {', '.join(SEARCH_SPACES)}.")
        return SEARCH_SPACES[search_space]
    for name in search_space:
        if name not in OPERATION_NAMES:
            raise ConfigError(
                f"search.search_space has the operation {name!r}: use some of {', '.join(OPERATION_NAMES)}."
            )
    return tuple(search_space)


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
            channels. ``single`` runs one candidate per edge, drawn by Gumbel softmax in each forward pass (Dong and
            Yang, "GDAS", CVPR 2019), and costs about as much as a derived network.
        alpha_groups: ``shared`` (one alpha for all cells, as published) or ``stages`` (encoder, middle, decoder).
        drop_path: probability with which an operation is dropped for an image during training.
        act: activation, as a MONAI layer configuration.
        norm: normalisation, as a MONAI layer configuration.

    Attributes:
        alpha: (groups, 14, candidates), the architecture parameters.

    Raises:
        ConfigError: for an unknown search space, mode or kind of groups.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        operations: str | Sequence[str] = "lwmisn",
        mode: str = "full",
        alpha_groups: str = "shared",
        drop_path: float = 0.0,
        act: Configuration = ACTIVATION,
        norm: Configuration = SEARCH_NORMALISATION,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ConfigError(f"search.mode is {mode!r}: use one of {', '.join(MODES)}.")
        self.operations = find_candidates(operations)
        self.groups = find_groups(alpha_groups)
        self.mode = mode

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
        self.alpha = nn.Parameter(1e-3 * torch.randn(len(self.groups), len(candidate_edges()), len(self.operations)))

    @property
    def sites(self) -> list[CellSite]:
        """The places of the cells, in the order in which they run."""
        return self.body.sites

    def group_of(self, stage: str) -> int:
        """The row of alpha that the cells of a stage use."""
        return 0 if self.groups == (SHARED,) else self.groups.index(stage)

    def weight_parameters(self) -> list[nn.Parameter]:
        """All trained parameters except alpha."""
        return [parameter for name, parameter in self.named_parameters() if name != "alpha"]

    def probabilities(self) -> torch.Tensor:
        """The softmax of alpha over the candidates (eq. 4), (groups, 14, candidates)."""
        return functional.softmax(self.alpha, dim=-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, H, W) of any size to logits (B, out_channels, H, W)."""
        if self.mode == "single":
            weights = functional.gumbel_softmax(self.alpha, hard=True, dim=-1)
        else:
            weights = self.probabilities()
        for cell, site in zip(self._cells(), self.sites, strict=True):
            cell.weights = weights[self.group_of(site.stage)]
        return self.body(x)

    def _cells(self) -> list[MixedCell]:
        return [module for module in self.body.modules() if isinstance(module, MixedCell)]
