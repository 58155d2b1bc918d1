"""LWMISN: the network a genotype describes."""

from __future__ import annotations

import torch
from torch import nn

from monai_lwmisn.networks.blocks import ACTIVATION, NORMALISATION, Configuration
from monai_lwmisn.networks.cells import Cell
from monai_lwmisn.networks.genotype import Genotype
from monai_lwmisn.networks.shapes import CellSite, build_shape


class LWMISN(nn.Module):
    """A light-weight medical image segmentation network, derived by the search (paper, sections 2.2 and 2.3).

    Args:
        genotype: the architecture.
        act: activation, as a MONAI layer configuration.
        norm: normalisation, as a MONAI layer configuration.
        drop_path: probability with which an operation is dropped for an image while training.

    Example:
        >>> network = LWMISN(Genotype.load("genotype.json"))
        >>> logits = network(torch.rand(1, 3, 250, 333))        # (1, out_channels, 250, 333)
    """

    def __init__(
        self,
        genotype: Genotype,
        act: Configuration = ACTIVATION,
        norm: Configuration = NORMALISATION,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        spatial_dims = genotype.spatial_dims

        def make_cell(site: CellSite) -> Cell:
            return Cell(
                spatial_dims,
                site.in_channels,
                site.channels,
                site.scale,
                genotype.edges_of(site.stage),
                act,
                norm,
                drop_path,
            )

        self.body = build_shape(genotype, make_cell, act, norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, ...) of any size to logits (B, out_channels, ...) of that size."""
        return self.body(x)
