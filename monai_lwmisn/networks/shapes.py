"""The shape of the network, once for the supernet and for what is derived from it (paper, section 2.2 and fig. 6).

A topology makes its cells through ``make_cell`` and never looks inside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from monai.networks.blocks import ADN, UpSample
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from monai_lwmisn.networks.architecture import STAGES, Architecture
from monai_lwmisn.networks.blocks import Configuration, check_images, convolution, crop_like, linear_mode
from monai_lwmisn.networks.genotype import NODES


@dataclass(frozen=True)
class CellSite:
    """Where a cell stands.

    Attributes:
        stage: ``encoder``, ``middle`` or ``decoder``.
        in_channels: channels of the older and the newer input.
        channels: channels of a node.
        scale: size of the newer input over the size of the older: 0.5, 1 or 2.
        stride: image size over the size the cell works at.
    """

    stage: str
    in_channels: tuple[int, int]
    channels: int
    scale: float
    stride: int


MakeCell = Callable[[CellSite], nn.Module]


class UShape(nn.Module):
    """Encoder cells and max-pooling, middle cells, decoder cells behind transposed convolutions; lateral concatenation.

    Levels round odd sizes up and the way back crops, so any size from 1 up goes in and comes out.

    Args:
        architecture: the shape.
        make_cell: makes the cell of a site.
        act: activation, as a MONAI layer configuration.
        norm: normalisation, as a MONAI layer configuration.
    """

    def __init__(
        self,
        architecture: Architecture,
        make_cell: MakeCell,
        act: Configuration,
        norm: Configuration,
    ) -> None:
        super().__init__()
        spatial_dims, stem_stride = architecture.spatial_dims, architecture.stem_stride
        cells, node_width = architecture.cells, architecture.node_width
        self.spatial_dims, self.in_channels = spatial_dims, architecture.in_channels
        self.sites: list[CellSite] = []

        def cell(stage: str, level: int, older: tuple[int, int], newer_channels: int) -> nn.Module:
            """A cell at ``level`` whose older input has ``older`` = (channels, level)."""
            site = CellSite(
                stage, (older[0], newer_channels), node_width[level], 2.0 ** (older[1] - level), stem_stride * 2**level
            )
            self.sites.append(site)
            return make_cell(site)

        self.stem = _stem(architecture, act, norm)
        older = newer = (node_width[0], 0)
        self.encoder = nn.ModuleList()
        for level in range(cells["encoder"]):
            self.encoder.append(cell("encoder", level, older, newer[0]))
            older, newer = newer, (NODES * node_width[level], level + 1)
        self.pool = Pool["max", spatial_dims](2, stride=2, ceil_mode=True)

        bottom = cells["encoder"]
        self.middle = nn.ModuleList()
        for _ in range(cells["middle"]):
            self.middle.append(cell("middle", bottom, older, newer[0]))
            older, newer = newer, (NODES * node_width[bottom], bottom)

        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(cells["decoder"])):
            self.up.append(UpSample(spatial_dims, newer[0], node_width[level], scale_factor=2, mode="deconv"))
            merged = (node_width[level] + NODES * node_width[level], level)
            self.decoder.append(cell("decoder", level, older, merged[0]))
            older, newer = merged, (NODES * node_width[level], level)
        self.head = _head(spatial_dims, newer[0], architecture.out_channels, stem_stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, ...) of any size to logits (B, out_channels, ...) of that size."""
        check_images(x, self.spatial_dims, self.in_channels)
        older = newer = self.stem(x)
        skips: list[torch.Tensor] = []
        for cell in self.encoder:
            skips.append(cell(older, newer))
            older, newer = newer, self.pool(skips[-1])
        for cell in self.middle:
            older, newer = newer, cell(older, newer)
        for up, cell in zip(self.up, self.decoder):  # noqa: B905  TorchScript knows no `strict`
            skip = skips.pop()
            merged = torch.cat([crop_like(up(newer), skip), skip], dim=1)
            older, newer = merged, cell(older, merged)
        return crop_like(self.head(newer), x)


class QuarteredShape(nn.Module):
    """A U shape behind two halvings, of which the first keeps few channels and is joined again before the logits.

    Most of the time of a U shape is spent at its finest level. Here its cells start at a quarter of the resolution, and
    what they would miss, the edges of small things, is carried past them at half resolution by a single convolution.
    Arguments as in :class:`UShape`.
    """

    def __init__(
        self,
        architecture: Architecture,
        make_cell: MakeCell,
        act: Configuration,
        norm: Configuration,
    ) -> None:
        super().__init__()
        spatial_dims = architecture.spatial_dims
        self.spatial_dims, self.in_channels = spatial_dims, architecture.in_channels
        details = math.ceil(architecture.node_width[0] / 2)
        self.details = convolution(spatial_dims, self.in_channels, details, stride=2, act=act, norm=norm)
        halved = replace(architecture, in_channels=details, out_channels=details, stem_stride=2)
        self.body = UShape(halved, make_cell, act, norm)
        self.sites = [replace(site, stride=2 * site.stride) for site in self.body.sites]
        self.adapt = ADN(ordering="NA", in_channels=details, act=act, norm=norm, norm_dim=spatial_dims)
        self.head = _head(spatial_dims, 2 * details, architecture.out_channels, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, ...) of any size to logits (B, out_channels, ...) of that size."""
        check_images(x, self.spatial_dims, self.in_channels)
        details = self.details(x)
        merged = torch.cat([self.adapt(self.body(details)), details], dim=1)
        return crop_like(self.head(merged), x)


class ContrastShape(nn.Module):
    """The DARTS-shaped contrast of figure 6: a stem, cells at constant size, reductions at 1/3 and 2/3 of the depth.

    A reduction is a max-pooling of both inputs of its cell, because every candidate keeps the size. The return to full
    size, which the paper leaves open, is linear interpolation of the logits. Arguments as in :class:`UShape`.
    """

    def __init__(
        self,
        architecture: Architecture,
        make_cell: MakeCell,
        act: Configuration,
        norm: Configuration,
    ) -> None:
        super().__init__()
        spatial_dims, stem_stride = architecture.spatial_dims, architecture.stem_stride
        cells, node_width = architecture.cells, architecture.node_width
        self.spatial_dims, self.in_channels = spatial_dims, architecture.in_channels
        stages = [stage for stage in STAGES for _ in range(cells[stage])]
        self.reductions = [len(stages) // 3, 2 * len(stages) // 3]
        self.stem = _stem(architecture, None, norm)
        self.sites: list[CellSite] = []
        self.cells = nn.ModuleList()
        older = newer = node_width[0]
        level = 0
        for index, stage in enumerate(stages):
            level += index in self.reductions
            width = node_width[min(level, len(node_width) - 1)]
            self.sites.append(CellSite(stage, (older, newer), width, 1.0, stem_stride * 2**level))
            self.cells.append(make_cell(self.sites[-1]))
            older, newer = newer, NODES * width
        self.pool = Pool["max", spatial_dims](2, stride=2, ceil_mode=True)
        self.head = Conv["conv", spatial_dims](newer, architecture.out_channels, kernel_size=1)
        self.enlarge = nn.Upsample(scale_factor=stem_stride * 2**level, mode=linear_mode(spatial_dims))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, ...) of any size to logits (B, out_channels, ...) of that size."""
        check_images(x, self.spatial_dims, self.in_channels)
        older = newer = self.stem(x)
        for index, cell in enumerate(self.cells):
            if index in self.reductions:
                older, newer = self.pool(older), self.pool(newer)
            older, newer = newer, cell(older, newer)
        return crop_like(self.enlarge(self.head(newer)), x)


def _stem(architecture: Architecture, act: Configuration | None, norm: Configuration) -> nn.Module:
    """A convolution to the finest level; its kernel grows with its stride, so that no voxel falls between two steps."""
    stride = architecture.stem_stride
    return convolution(
        architecture.spatial_dims,
        architecture.in_channels,
        architecture.node_width[0],
        kernel_size=max(3, 2 * stride - 1),
        stride=stride,
        act=act,
        norm=norm,
    )


def _head(spatial_dims: int, in_channels: int, out_channels: int, stem_stride: int) -> nn.Module:
    """Logits at full size: a 1x1 convolution, or behind a stride a transposed one that learns the sub-voxels."""
    if stem_stride == 1:
        return Conv["conv", spatial_dims](in_channels, out_channels, kernel_size=1)
    return UpSample(spatial_dims, in_channels, out_channels, scale_factor=stem_stride, mode="deconv")


def build_shape(
    architecture: Architecture, make_cell: MakeCell, act: Configuration, norm: Configuration
) -> UShape | QuarteredShape | ContrastShape:
    """The shape an architecture names. Arguments as in :class:`UShape`."""
    if architecture.topology == "contrast":
        return ContrastShape(architecture, make_cell, act, norm)
    shape = QuarteredShape if architecture.stem_stride == 4 else UShape
    return shape(architecture, make_cell, act, norm)
