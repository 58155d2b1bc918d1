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
        metadata={"meaning": "channels of a node at each resolution level, finest first; the middle cells are the last"}
    )
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
    in_channels: int
    out_channels: int

    def __post_init__(self) -> None:
        for each in fields(self):
            choices = each.metadata.get("choices")
            if choices and not _is_one_of(getattr(self, each.name), choices):
                raise GenotypeError(
                    f"{each.name} is {getattr(self, each.name)!r}: use one of {', '.join(map(str, choices))}."
                )
        for name in ("in_channels", "out_channels"):
            if not is_count(getattr(self, name), 1, MOST_CHANNELS):
                raise GenotypeError(
                    f"{name} is {getattr(self, name)!r}: give a whole number from 1 to {MOST_CHANNELS}."
                )
        self._check_cells()
        levels = self.cells["encoder"] + 1
        widths = self.node_width
        if not isinstance(widths, (list, tuple)) or not all(is_count(width, 1, MOST_CHANNELS) for width in widths):
            raise GenotypeError(f"node_width is {widths!r}: give a list of whole numbers from 1 to {MOST_CHANNELS}.")
        if len(widths) != levels:
            raise GenotypeError(
                f"node_width is {list(widths)}: give {levels} whole numbers, one for each resolution level."
            )
        # JSON knows lists only, and the order of its keys has no meaning.
        object.__setattr__(self, "node_width", tuple(widths))
        object.__setattr__(self, "cells", {stage: self.cells[stage] for stage in STAGES})

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


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
