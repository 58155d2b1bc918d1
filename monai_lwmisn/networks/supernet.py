"""The supernet: every candidate on every edge, weighed by the architecture parameters alpha (paper, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks.architecture import STAGES, Architecture
from monai_lwmisn.networks.blocks import ACTIVATION, Configuration
from monai_lwmisn.networks.cells import MixedCell
from monai_lwmisn.networks.genotype import SHARED, candidate_edges
from monai_lwmisn.networks.operations import OPERATIONS, SEARCH_SPACES
from monai_lwmisn.networks.shapes import CellSite, build_shape

MODES = ("full", "partial", "single")
ALPHA_GROUPS = {"shared": (SHARED,), "stages": STAGES}

SEARCH_NORMALISATION: Configuration = ("batch", {"affine": False})
"""Without scale and shift: these would undo the weights of the mixture (DARTS, appendix A.1.1)."""


def find_candidates(search_space: str | Sequence[str]) -> tuple[str, ...]:
    """The candidate operations of a search space by its name (``lwmisn``, ``darts``), or as they are given.

    Raises:
        ConfigError: for an unknown search space or operation.
    """
    if isinstance(search_space, str):
        if search_space not in SEARCH_SPACES:
            raise ConfigError(f"search_space is {search_space!r}: use one of {', '.join(SEARCH_SPACES)}.")
        return SEARCH_SPACES[search_space]
    for name in search_space:
        if name not in OPERATIONS:
            raise ConfigError(f"search_space has the operation {name!r}: use some of {', '.join(OPERATIONS)}.")
    return tuple(search_space)


def find_groups(alpha_groups: str) -> tuple[str, ...]:
    """The groups of cells that share an alpha: ``shared`` for one of all, ``stages`` for one of each stage.

    Raises:
        ConfigError: for another name.
    """
    if alpha_groups not in ALPHA_GROUPS:
        raise ConfigError(f"alpha_groups is {alpha_groups!r}: use one of {', '.join(ALPHA_GROUPS)}.")
    return ALPHA_GROUPS[alpha_groups]


class Supernet(nn.Module):
    """The over-parameterised network the search trains.

    Args:
        architecture: the shape, the same as that of the network to be derived.
        operations: a search space by name (``lwmisn``, ``darts``) or the names of the candidates.
        mode: ``full`` runs every candidate (as published); ``partial`` a quarter of the channels through them
            (``channel_share``); ``single`` one candidate per edge, drawn by Gumbel softmax anew in each forward pass
            (Dong and Yang, "GDAS", CVPR 2019), which costs about as much as a derived network.
        alpha_groups: ``shared`` (one alpha for all cells, as published) or ``stages`` (encoder, middle, decoder).
        temperature: of the Gumbel softmax in mode ``single``.
        drop_path: probability with which an operation is dropped for an image while training.
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
        channel_share: float = 0.25,
        alpha_groups: str = "shared",
        temperature: float = 1.0,
        drop_path: float = 0.0,
        act: Configuration = ACTIVATION,
        norm: Configuration = SEARCH_NORMALISATION,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ConfigError(f"search_mode is {mode!r}: use one of {', '.join(MODES)}.")
        self.operations = find_candidates(operations)
        self.groups = find_groups(alpha_groups)
        self.mode = mode
        self.temperature = temperature

        def make_cell(site: CellSite) -> MixedCell:
            return MixedCell(
                architecture.spatial_dims,
                site.in_channels,
                site.channels,
                site.scale,
                self.operations,
                act,
                norm,
                drop_path,
                channel_share if mode == "partial" else 1.0,
            )

        self.body = build_shape(architecture, make_cell, act, norm)
        self.alpha = nn.Parameter(1e-3 * torch.randn(len(self.groups), len(candidate_edges()), len(self.operations)))

    @property
    def sites(self) -> list[CellSite]:
        """Where the cells stand, in the order they run."""
        return self.body.sites

    def group_of(self, stage: str) -> int:
        """The row of alpha that rules the cells of a stage."""
        return 0 if self.groups == (SHARED,) else self.groups.index(stage)

    def weight_parameters(self) -> list[nn.Parameter]:
        """Everything that is trained but alpha."""
        return [parameter for name, parameter in self.named_parameters() if name != "alpha"]

    def probabilities(self) -> torch.Tensor:
        """The softmax of alpha over the candidates (eq. 4), (groups, 14, candidates)."""
        return functional.softmax(self.alpha, dim=-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, ...) of any size to logits (B, out_channels, ...) of that size."""
        if self.mode == "single":
            weights = functional.gumbel_softmax(self.alpha, tau=self.temperature, hard=True, dim=-1)
        else:
            weights = self.probabilities()
        for cell, site in zip(self._cells(), self.sites, strict=True):
            cell.weights = weights[self.group_of(site.stage)]
        return self.body(x)

    def _cells(self) -> list[MixedCell]:
        return [module for module in self.body.modules() if isinstance(module, MixedCell)]
