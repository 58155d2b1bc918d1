"""The shapes of a network, the same for the supernet and the derived network (paper, section 2.2 and fig. 6).

A shape builds its cells with ``make_cell`` and does not depend on what they contain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from monai.networks.blocks import ADN, UpSample
from torch import nn

from monai_lwmisn.networks.architecture import STAGES, Architecture
from monai_lwmisn.networks.blocks import Configuration, check_images, convolution, crop_like
from monai_lwmisn.networks.genotype import NODES


@dataclass(frozen=True)
class CellSite:
    """The place of a cell in the network.

    Attributes:
        stage: ``encoder``, ``middle`` or ``decoder``.
        in_channels: channels of the two inputs: of the cell before the previous one, and of the previous one.
        channels: channels of a node.
        scale: size of the previous cell's output over the size of the output before it: 0.5, 1 or 2.
        stride: size of the image over the size at which the cell works.
    """

    stage: str
    in_channels: tuple[int, int]
    channels: int
    scale: float
    stride: int


MakeCell = Callable[[CellSite], nn.Module]


class DenseConvolution(nn.Module):
    """A dense 3x3 convolution in the place of a cell. It ignores the output of the cell before the previous one.

    Args:
        in_channels: channels of the previous output.
        channels: channels of the output.
        act: activation, as a MONAI layer configuration.
        norm: normalisation, as a MONAI layer configuration.
    """

    def __init__(self, in_channels: int, channels: int, act: Configuration, norm: Configuration) -> None:
        super().__init__()
        self.layers = convolution(in_channels, channels, act=act, norm=norm)

    def forward(self, prev_prev: torch.Tensor, prev: torch.Tensor) -> torch.Tensor:
        """Map the previous output to (B, channels, height and width of ``prev``)."""
        return self.layers(prev)


class Chain(nn.Module):
    """Several blocks, or none, in the place of one cell."""

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, prev_prev: torch.Tensor, prev: torch.Tensor) -> torch.Tensor:
        """Map the outputs of the two blocks before to the output of the last block."""
        for block in self.blocks:
            prev_prev, prev = prev, block(prev_prev, prev)
        return prev


class UShape(nn.Module):
    """Encoder cells with max-pooling, middle cells, and decoder cells with transposed convolutions and skips.

    Dense convolutions may stand in the place of any cell. The encoder rounds odd sizes up and the decoder crops, so the
    network takes images of any size from 1x1.

    Args:
        architecture: the fields of the shape.
        make_cell: builds the cell of a site.
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
        encoder, middle, decoder = (architecture.blocks_of(stage) for stage in STAGES)
        node_width, stem_stride = architecture.node_width, architecture.stem_stride
        decoder_width = architecture.decoder_width or node_width
        self.in_channels = architecture.input_channels
        self.joins = list(architecture.skips)
        self.sites: list[CellSite] = []
        # Channels and level of the input of the last place, and of its output.
        prev_prev = prev = (node_width[0], 0)

        def place(stage: str, width: int, blocks: tuple[str, ...]) -> tuple[nn.Module, int]:
            """Build what stands in the place of one cell, which follows ``prev``. Return it and its channels."""
            older, (channels, level) = prev_prev, prev
            built: list[nn.Module] = []
            for block in blocks:
                if block == "cell":
                    scale = 2.0 ** (older[1] - level)
                    site = CellSite(stage, (older[0], channels), width, scale, stem_stride * 2**level)
                    self.sites.append(site)
                    built.append(make_cell(site))
                else:
                    built.append(DenseConvolution(channels, width, act, norm))
                older, channels = (channels, level), NODES * width if block == "cell" else width
            return built[0] if len(built) == 1 else Chain(built), channels

        self.stem = _stem(architecture, act, norm)
        self.encoder = nn.ModuleList()
        skipped: list[int] = []
        for level, blocks in enumerate(encoder):
            module, channels = place("encoder", node_width[level], blocks)
            self.encoder.append(module)
            skipped.append(channels)
            prev_prev, prev = prev, (channels, level + 1)
        self.pool = nn.MaxPool2d(2, stride=2, ceil_mode=True)

        self.middle = nn.ModuleList()
        for blocks in middle:
            module, channels = place("middle", node_width[-1], blocks)
            self.middle.append(module)
            prev_prev, prev = prev, (channels, len(encoder))

        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(len(decoder))):
            width = skipped[level] if self.joins[level] == "add" else decoder_width[level]
            self.up.append(UpSample(2, prev[0], width, scale_factor=2, mode="deconv"))
            prev = (width + skipped[level] if self.joins[level] == "concatenate" else width, level)
            module, channels = place("decoder", decoder_width[level], decoder[level])
            self.decoder.append(module)
            prev_prev, prev = prev, (channels, level)
        self.head = _head(prev[0], architecture.out_channels, stem_stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, H, W) of any size to logits (B, out_channels, H, W)."""
        check_images(x, self.in_channels)
        prev_prev = prev = self.stem(x)
        skips: list[torch.Tensor] = []
        for block in self.encoder:
            skips.append(block(prev_prev, prev))
            prev_prev, prev = prev, self.pool(skips[-1])
        for block in self.middle:
            prev_prev, prev = prev, block(prev_prev, prev)
        for up, block in zip(self.up, self.decoder):  # noqa: B905  TorchScript knows no `strict`
            skip = skips.pop()
            merged = self._merge(up(prev), skip, self.joins[len(skips)])
            prev_prev, prev = merged, block(prev_prev, merged)
        return crop_like(self.head(prev), x)

    def _merge(self, x: torch.Tensor, skip: torch.Tensor, join: str) -> torch.Tensor:
        x = crop_like(x, skip)
        if join == "concatenate":
            return torch.cat([x, skip], dim=1)
        return x + skip if join == "add" else x


class QuarteredShape(nn.Module):
    """A U shape that starts at a quarter of the resolution, with one convolution at half of it beside the cells.

    A U shape spends most of its time at its finest level. Here the cells start at a quarter of the resolution. The
    convolution at half resolution keeps the edges of small objects; its output is concatenated before the logits.
    The arguments are those of :class:`UShape`.
    """

    def __init__(
        self,
        architecture: Architecture,
        make_cell: MakeCell,
        act: Configuration,
        norm: Configuration,
    ) -> None:
        super().__init__()
        self.in_channels = architecture.input_channels
        details = math.ceil(architecture.node_width[0] / 2)
        self.details = convolution(self.in_channels, details, stride=2, act=act, norm=norm)
        halved = replace(architecture, in_channels=details, slices=1, out_channels=details, stem_stride=2)
        self.body = UShape(halved, make_cell, act, norm)
        self.sites = [replace(site, stride=2 * site.stride) for site in self.body.sites]
        self.adapt = ADN(ordering="NA", in_channels=details, act=act, norm=norm, norm_dim=2)
        self.head = _head(2 * details, architecture.out_channels, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, H, W) of any size to logits (B, out_channels, H, W)."""
        check_images(x, self.in_channels)
        details = self.details(x)
        merged = torch.cat([self.adapt(self.body(details)), details], dim=1)
        return crop_like(self.head(merged), x)


class ContrastShape(nn.Module):
    """The DARTS-shaped contrast of figure 6: a stem and a chain of cells with reductions at 1/3 and 2/3 of the depth.

    A reduction is a max-pooling of both inputs of its cell, because every candidate keeps the size. The paper does not
    say how the logits return to full size; here they are interpolated linearly. The arguments are those of
    :class:`UShape`.
    """

    def __init__(
        self,
        architecture: Architecture,
        make_cell: MakeCell,
        act: Configuration,
        norm: Configuration,
    ) -> None:
        super().__init__()
        cells, node_width, stem_stride = architecture.cells, architecture.node_width, architecture.stem_stride
        self.in_channels = architecture.input_channels
        stages = [stage for stage in STAGES for _ in range(cells[stage])]
        self.reductions = [len(stages) // 3, 2 * len(stages) // 3]
        self.stem = _stem(architecture, None, norm)
        self.sites: list[CellSite] = []
        self.cells = nn.ModuleList()
        prev_prev = prev = node_width[0]
        level = 0
        for index, stage in enumerate(stages):
            level += index in self.reductions
            width = node_width[min(level, len(node_width) - 1)]
            self.sites.append(CellSite(stage, (prev_prev, prev), width, 1.0, stem_stride * 2**level))
            self.cells.append(make_cell(self.sites[-1]))
            prev_prev, prev = prev, NODES * width
        self.pool = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.head = nn.Conv2d(prev, architecture.out_channels, kernel_size=1)
        self.enlarge = nn.Upsample(scale_factor=stem_stride * 2**level, mode="bilinear")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (B, in_channels, H, W) of any size to logits (B, out_channels, H, W)."""
        check_images(x, self.in_channels)
        prev_prev = prev = self.stem(x)
        for index, cell in enumerate(self.cells):
            if index in self.reductions:
                prev_prev, prev = self.pool(prev_prev), self.pool(prev)
            prev_prev, prev = prev, cell(prev_prev, prev)
        return crop_like(self.enlarge(self.head(prev)), x)


def _stem(architecture: Architecture, act: Configuration | None, norm: Configuration) -> nn.Module:
    """A convolution to the finest level that covers every pixel; in a U shape two of stride 2 for a stride of 4.

    In the contrast network, which has no activation after its stem, the kernel grows with the stride.
    """
    stride, width = architecture.stem_stride, architecture.node_width[0]
    if stride == 4 and architecture.topology == "u":
        first = convolution(architecture.input_channels, width, stride=2, act=act, norm=norm)
        return nn.Sequential(first, convolution(width, width, stride=2, act=act, norm=norm))
    return convolution(
        architecture.input_channels,
        width,
        kernel_size=max(3, 2 * stride - 1),
        stride=stride,
        act=act,
        norm=norm,
    )


def _head(in_channels: int, out_channels: int, stem_stride: int) -> nn.Module:
    """The logits at full size: a 1x1 convolution or, after a stride, a transposed one that learns to upsample."""
    if stem_stride == 1:
        return nn.Conv2d(in_channels, out_channels, kernel_size=1)
    return UpSample(2, in_channels, out_channels, scale_factor=stem_stride, mode="deconv")


def build_shape(
    architecture: Architecture, make_cell: MakeCell, act: Configuration, norm: Configuration
) -> UShape | QuarteredShape | ContrastShape:
    """Build the shape that an architecture names. The arguments are those of :class:`UShape`."""
    if architecture.topology == "contrast":
        return ContrastShape(architecture, make_cell, act, norm)
    if architecture.stem_stride == 4 and architecture.details:
        return QuarteredShape(architecture, make_cell, act, norm)
    return UShape(architecture, make_cell, act, norm)
