"""Cuts a large picture into parts for a network, so that the logits are those of the whole picture. Needs numpy alone.

The parts are not averaged where they overlap, as :mod:`..windows` does: each pixel is taken from the one part that sees
it with all that the network looks at around it. So the parts can be computed in any order, by several processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..regions import Place

CORE = 1536
"""Side in pixels of what is kept of a part. With the margins a part has the 2048 pixels of a window of the presets."""

MARGIN = 256
"""Pixels around it that the network sees too: more than any of the shipped networks looks at around a pixel.

A multiple of 64, as CORE: a network that halves a picture up to six times halves each part at the same pixels.
"""

__all__ = ["CORE", "MARGIN", "Window", "windows_of"]


@dataclass(frozen=True)
class Window:
    """A part of a picture.

    Args:
        row: of the grid of windows, from 0 on.
        column: likewise.
        core: where that which is kept lies in the picture.
        part: where that which is seen lies in the picture.
    """

    row: int
    column: int
    core: Place
    part: Place

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.row:04d}_{self.column:04d}"

    @property
    def inner(self) -> Place:
        """Where the core lies in the part."""
        return tuple(
            slice(core.start - part.start, core.stop - part.start)
            for core, part in zip(self.core, self.part, strict=True)
        )


def windows_of(shape: Sequence[int], core: int = CORE, margin: int = MARGIN) -> Iterator[Window]:
    """Cut a picture, row by row.

    Args:
        shape: height and width.
        core: side of what is kept.
        margin: pixels around it, as far as the picture goes.
    """
    for row, top in enumerate(range(0, shape[0], core)):
        for column, left in enumerate(range(0, shape[1], core)):
            ends = (top, shape[0]), (left, shape[1])
            yield Window(
                row,
                column,
                tuple(slice(start, min(start + core, length)) for start, length in ends),
                tuple(slice(max(0, start - margin), min(start + core + margin, length)) for start, length in ends),
            )
