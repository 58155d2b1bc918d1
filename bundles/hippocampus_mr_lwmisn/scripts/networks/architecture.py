"""The architecture: the shape of a network without the edges of its cells, which is what a search does not change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.errors import GenotypeError

STAGES = ("encoder", "middle", "decoder")
TOPOLOGIES = ("u", "contrast")
STEM_STRIDES = (1, 2, 4)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The shape of the whole, once for the supernet and for what is derived from it.

    Attributes:
        cells: number of cells in each stage.
        node_width: channels of a node at each resolution level, finest first; the middle cells are the last level.
        stem_stride: 1 (as published), or 2 or 4: the cells start at a half or a quarter of the resolution, and the head
            upsamples back.
        in_channels: channels of an image.
        out_channels: 1 for one class (sigmoid), otherwise background and classes (softmax).
        spatial_dims: 2 or 3.
        topology: ``"u"`` or ``"contrast"``, the DARTS-shaped network of figure 6.

    Raises:
        GenotypeError: when the parts do not describe a network.
    """

    cells: Mapping[str, int]
    node_width: tuple[int, ...]
    stem_stride: int
    in_channels: int
    out_channels: int
    spatial_dims: int = 2
    topology: str = "u"

    def __post_init__(self) -> None:
        object.__setattr__(self, "node_width", tuple(self.node_width))  # JSON knows only lists
        if self.topology not in TOPOLOGIES:
            raise GenotypeError(f"The topology {self.topology!r} is unknown: use one of {', '.join(TOPOLOGIES)}.")
        if not is_count(self.spatial_dims, 2) or self.spatial_dims > 3:
            raise GenotypeError(f"spatial_dims is {self.spatial_dims!r}: use 2 or 3.")
        if not is_count(self.stem_stride, 1) or self.stem_stride not in STEM_STRIDES:
            raise GenotypeError(f"stem_stride is {self.stem_stride!r}: use 1, 2 or 4.")
        for name in ("in_channels", "out_channels"):
            if not is_count(getattr(self, name), 1):
                raise GenotypeError(f"{name} is {getattr(self, name)!r}: give a whole number of at least 1.")
        least = {"encoder": 1, "middle": 0, "decoder": 1}
        if set(self.cells) != set(STAGES) or not all(is_count(self.cells[stage], least[stage]) for stage in STAGES):
            raise GenotypeError(
                f"cells is {dict(self.cells)}: give whole numbers for encoder (1 or more), middle and decoder."
            )
        if self.cells["encoder"] != self.cells["decoder"]:
            raise GenotypeError(
                f"There are {self.cells['encoder']} encoder and {self.cells['decoder']} decoder cells: "
                "a U shape needs as many of each."
            )
        levels = self.cells["encoder"] + 1
        if len(self.node_width) != levels or not all(is_count(width, 1) for width in self.node_width):
            raise GenotypeError(
                f"node_width is {list(self.node_width)}: give {levels} whole numbers, one for each resolution level."
            )


def is_count(value: object, least: int) -> bool:
    """Whether ``value`` is a whole number of at least ``least``; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
