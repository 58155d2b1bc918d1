"""The architecture: the shape of a network without the edges of its cells. A search does not change it.

This module imports no torch. A new field is one line of :class:`Architecture`: the JSON form of a genotype and the
settings of the section ``architecture`` follow from the fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from monai_lwmisn.errors import GenotypeError

STAGES = ("encoder", "middle", "decoder")
TOPOLOGIES = ("u", "contrast")
STEM_STRIDES = (1, 2, 4)
BLOCKS = ("cell", "conv")
SKIPS = ("concatenate", "add", "none")
SLICES = (1, 3, 5)
MOST_CELLS = 64
MOST_CHANNELS = 4096
"""More than any light network has. A file that asks for more is damaged, and its network would fill the memory."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The shape of the supernet and of every network that is derived from it.

    The metadata of a field hold its ``meaning`` as a setting and, where there are few values, its ``choices``. The
    channels are no settings of the architecture, because they follow from the data: ``in_channels`` are those of an
    image, and ``out_channels`` is 1 for one class (sigmoid), otherwise the background and the classes (softmax).

    Raises:
        GenotypeError: when the fields do not describe a network.
    """

    cells: Mapping[str, int] = field(
        metadata={"meaning": "number of cells in the encoder, the middle and the decoder; the decoder has as many as "
                  "the encoder"}
    )  # fmt: skip
    node_width: tuple[int, ...] = field(
        metadata={"meaning": "channels of a node, or of a dense convolution, at each resolution level, finest first; "
                  "the middle is the last"}
    )  # fmt: skip
    stem_stride: int = field(
        default=1,
        metadata={
            "meaning": "stride before the first cell; the head upsamples back (paper: 1)",
            "choices": STEM_STRIDES,
        },
    )
    topology: str = field(
        default="u",
        metadata={"meaning": "shape of the network: u, or contrast for the chain of cells of the paper's figure 6",
                  "choices": TOPOLOGIES}
    )  # fmt: skip
    details: bool = field(
        default=True,
        metadata={
            "meaning": "whether a stem stride of 4 keeps a convolution at half resolution that bypasses all cells"
        },
    )
    blocks: Mapping[str, tuple[tuple[str, ...], ...]] | None = field(
        default=None,
        metadata={"meaning": "blocks in place of each cell by stage, finest level first: lists of cell and conv (dense "
                  "3x3); null: one cell"}
    )  # fmt: skip
    decoder_width: tuple[int, ...] | None = field(
        default=None,
        metadata={"meaning": "channels in the decoder at each of its levels, finest first; null for node_width"},
    )
    skip: str | tuple[str, ...] = field(
        default="concatenate",
        metadata={"meaning": "how an encoder level joins the decoder: concatenate, add or none, or a list of one per "
                  "decoder level, finest first",
                  "choices": SKIPS}
    )  # fmt: skip
    slices: int = field(
        default=1,
        metadata={"meaning": "slices of a volume that the network sees to segment the middle one, as channels in their "
                  "order: 1, 3 or 5", "choices": SLICES}
    )  # fmt: skip
    in_channels: int
    out_channels: int

    def __post_init__(self) -> None:
        for each in fields(self):
            choices, value = each.metadata.get("choices"), getattr(self, each.name)
            by_level = each.name == "skip" and isinstance(value, (list, tuple))
            if choices and not all(_is_one_of(one, choices) for one in (value if by_level else [value])):
                raise GenotypeError(f"{each.name} is {value!r}: use one of {', '.join(map(str, choices))}.")
        for name in ("in_channels", "out_channels"):
            if not is_count(getattr(self, name), 1, MOST_CHANNELS):
                raise GenotypeError(
                    f"{name} is {getattr(self, name)!r}: give a whole number from 1 to {MOST_CHANNELS}."
                )
        self._check_cells()
        if not isinstance(self.details, bool):
            raise GenotypeError(f"details is {self.details!r}: give true or false.")
        if self.topology == "contrast":
            self._check_contrast()
        # JSON knows lists only, and the order of its keys has no meaning.
        object.__setattr__(self, "cells", {stage: self.cells[stage] for stage in STAGES})
        levels = self.cells["encoder"] + 1
        object.__setattr__(self, "node_width", _widths("node_width", self.node_width, levels))
        if self.decoder_width is not None:
            object.__setattr__(self, "decoder_width", _widths("decoder_width", self.decoder_width, levels - 1))
        if not isinstance(self.skip, str):
            if len(self.skip) != levels - 1:
                raise GenotypeError(f"skip is {list(self.skip)}: give {levels - 1}, one for each level of the decoder.")
            # Equal ones are written as one, so that equal networks have equal genotypes.
            object.__setattr__(self, "skip", self.skip[0] if len(set(self.skip)) == 1 else tuple(self.skip))
        if self.blocks is not None:
            object.__setattr__(self, "blocks", self._checked_blocks(self.blocks))

    @property
    def input_channels(self) -> int:
        """The channels that the network takes: those of an image, for each slice that it sees."""
        return self.slices * self.in_channels

    @property
    def has_cells(self) -> bool:
        """Whether the network has any cell. Without one it needs no edges."""
        return any(self.cells_of(stage) for stage in STAGES)

    @property
    def skips(self) -> tuple[str, ...]:
        """How each level of the encoder joins the decoder, finest first."""
        return (self.skip,) * self.cells["decoder"] if isinstance(self.skip, str) else self.skip

    def cells_of(self, stage: str) -> int:
        """The number of cells of a stage, without the places that hold dense convolutions alone."""
        return sum(place.count("cell") for place in self.blocks_of(stage))

    def blocks_of(self, stage: str) -> tuple[tuple[str, ...], ...]:
        """The blocks in each place of a stage (``encoder``, ``middle`` or ``decoder``), finest level first."""
        return (("cell",),) * self.cells[stage] if self.blocks is None else self.blocks[stage]

    def _check_cells(self) -> None:
        cells, least = self.cells, {"encoder": 1, "middle": 0, "decoder": 1}
        if (
            not isinstance(cells, Mapping)
            or set(cells) != set(STAGES)
            or not all(is_count(cells[stage], least[stage], MOST_CELLS) for stage in STAGES)
        ):
            raise GenotypeError(
                f"cells is {cells!r}: give whole numbers up to {MOST_CELLS} for encoder (1 or more), middle and "
                "decoder (1 or more)."
            )
        if cells["encoder"] != cells["decoder"]:
            raise GenotypeError(
                f"There are {cells['encoder']} encoder and {cells['decoder']} decoder cells: "
                "a U shape needs as many of each."
            )

    def _check_contrast(self) -> None:
        given = {each.name for each in fields(self) if getattr(self, each.name) != each.default}
        unfit = sorted(given & {"details", "blocks", "decoder_width", "skip"})
        if unfit:
            raise GenotypeError(
                f"{unfit[0]} is {getattr(self, unfit[0])!r}, and the topology contrast is a chain of cells: "
                f"leave {unfit[0]} out, or use the topology u."
            )

    def _checked_blocks(self, blocks: Any) -> dict[str, tuple[tuple[str, ...], ...]]:
        if not isinstance(blocks, Mapping) or set(blocks) != set(STAGES):
            raise GenotypeError(f"blocks is {blocks!r}: give lists for encoder, middle and decoder.")
        for stage in STAGES:
            places = blocks[stage]
            if not isinstance(places, (list, tuple)) or len(places) != self.cells[stage]:
                raise GenotypeError(
                    f"blocks has {places!r} for the {stage}: give {self.cells[stage]} lists, as many as `cells` says."
                )
            for index, place in enumerate(places):
                known = isinstance(place, (list, tuple)) and all(block in BLOCKS for block in place)
                if not known or len(place) > MOST_CELLS or not (place or (stage == "encoder" and index == 0)):
                    raise GenotypeError(
                        f"blocks has {str(place)[:60]} in the {stage}: give a list of {' and '.join(BLOCKS)} for each "
                        f"place, up to {MOST_CELLS}; only the first of the encoder may be empty."
                    )
        return {stage: tuple(tuple(place) for place in blocks[stage]) for stage in STAGES}

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, in the order of the fields."""
        return {each.name: _as_json(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Architecture:
        """Build from the JSON form. A field that has a default may be left out.

        Raises:
            GenotypeError: naming the first thing that is wrong with it.
        """
        if not isinstance(data, Mapping):
            raise GenotypeError("The architecture of a genotype is a JSON object; this one is not.")
        known = {each.name for each in fields(cls)}
        needed = {each.name for each in fields(cls) if each.default is MISSING}
        missing, unknown = sorted(needed - set(data)), sorted(set(data) - known)
        if missing or unknown:
            raise GenotypeError(f"The keys of the architecture are wrong: missing {missing}, unknown {unknown}.")
        return cls(**data)


def is_count(value: object, least: int, most: float = math.inf) -> bool:
    """Whether ``value`` is a whole number from ``least`` to ``most``. True and False are not numbers."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_one_of(value: object, choices: tuple[Any, ...]) -> bool:
    # In Python 1 equals True and 1.0.
    return any(type(value) is type(choice) and value == choice for choice in choices)


def _widths(name: str, widths: Any, levels: int) -> tuple[int, ...]:
    if not isinstance(widths, (list, tuple)) or not all(is_count(width, 1, MOST_CHANNELS) for width in widths):
        raise GenotypeError(f"{name} is {widths!r}: give a list of whole numbers from 1 to {MOST_CHANNELS}.")
    if len(widths) != levels:
        raise GenotypeError(f"{name} is {list(widths)}: give {levels} whole numbers, one for each resolution level.")
    return tuple(widths)


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_json(each) for key, each in value.items()}
    return [_as_json(each) for each in value] if isinstance(value, tuple) else value
