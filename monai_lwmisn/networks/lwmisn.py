"""LWMISN: the network that a genotype describes."""

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
        genotype: the architecture and the edges of its cells.
        act: activation, as a MONAI layer configuration.
        norm: normalisation, as a MONAI layer configuration.
        drop_path: probability with which an operation is dropped for an image during training.

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

        def make_cell(site: CellSite) -> Cell:
            edges = genotype.edges_of(site.stage)
            return Cell(site.in_channels, site.channels, site.scale, edges, act, norm, drop_path)

        self.body = build_shape(genotype.architecture, make_cell, act, norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, C, H, W) of any size to logits (B, out_channels, H, W).

        C is :attr:`~monai_lwmisn.networks.Architecture.input_channels`.
        """
        return self.body(x)
