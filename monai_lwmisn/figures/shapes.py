"""Draws the shape of a network: what stands at each resolution, how wide it is, and what joins what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from monai_lwmisn.figures.boxes import INK, PALE, draw_box, write
from monai_lwmisn.figures.cell_layout import Point
from monai_lwmisn.networks import Architecture

WIDTH, HEIGHT, ROW, CHAIN_COLUMN = 2.1, 0.62, 1.0, 2.6
CONVOLUTION, CELL, PLAIN = "#DCD3EA", "#D3E5EE", "#EEEEEE"
"""Colours of dense convolutions, of cells, and of the rest."""

NAMES = {"conv": "conv 3x3", "cell": "cell"}


def size_of_shape(architecture: Architecture) -> Point:
    """Width and height in inches of a drawing."""
    if architecture.topology == "contrast":
        return CHAIN_COLUMN * (sum(architecture.cells.values()) + 2), ROW
    return 3 * (WIDTH + 0.8), ROW * (architecture.cells["encoder"] + 2)


def draw_shape(axes: Axes, architecture: Architecture) -> None:
    """Draw a network in axes whose unit is an inch; the finest resolution is at the top.

    Args:
        axes: with limits 0 and :func:`size_of_shape`.
        architecture: of the network.
    """
    if architecture.topology == "contrast":
        _draw_chain(axes, architecture)
    else:
        _draw_u(axes, architecture)


def describe_blocks(place: Sequence[str], width: int) -> str:
    """Name the blocks of a place and their channels, as in ``2 x conv 3x3, 16``."""
    runs = [(NAMES[block], len(list(run))) for block, run in groupby(place)]
    names = " + ".join(name if count == 1 else f"{count} x {name}" for name, count in runs)
    return f"{names}, {width}" if names else "nothing"


def _draw_u(axes: Axes, architecture: Architecture) -> None:
    width, height = size_of_shape(architecture)
    left, centre, right = (width * part for part in (1 / 6, 1 / 2, 5 / 6))
    levels = architecture.cells["encoder"]
    rows = [height - ROW * (level + 0.5) for level in range(levels + 2)]
    decoder_width = architecture.decoder_width or architecture.node_width
    stem, head = (left, rows[0]), (right, rows[0])
    _box(axes, stem, f"stem, 1/{architecture.stem_stride} of the size", PLAIN)
    _box(axes, head, "logits", PLAIN)
    if architecture.stem_stride == 4 and architecture.details:
        _arrow(axes, stem, head, "path of details")
    above_left, above_right = stem, head
    for level in range(levels):
        encoder, decoder = (left, rows[level + 1]), (right, rows[level + 1])
        for stage, at, channels in (
            ("encoder", encoder, architecture.node_width[level]),
            ("decoder", decoder, decoder_width[level]),
        ):
            place = architecture.blocks_of(stage)[level]
            _box(axes, at, describe_blocks(place, channels), _colour(place))
        if architecture.skips[level] != "none":
            _arrow(axes, encoder, decoder, architecture.skips[level])
        _arrow(axes, above_left, encoder, "" if level == 0 else "max pool")
        _arrow(axes, decoder, above_right, "" if level == 0 else "up")
        above_left, above_right = encoder, decoder
    middle = (centre, rows[-1])
    places = architecture.blocks_of("middle")
    text = "; ".join(describe_blocks(place, architecture.node_width[-1]) for place in places) or "nothing"
    _box(axes, middle, text, _colour([block for place in places for block in place]))
    _arrow(axes, above_left, middle, "max pool")
    _arrow(axes, middle, above_right, "up")


def _draw_chain(axes: Axes, architecture: Architecture) -> None:
    count = sum(architecture.cells.values())
    names = ["stem", *_reduced(count), "logits"]
    points = [(CHAIN_COLUMN * (index + 0.5), ROW / 2) for index in range(count + 2)]
    for point, name in zip(points, names, strict=True):
        _box(axes, point, name, CELL if name.startswith("cell") else PLAIN)
    for start, end in zip(points, points[1:], strict=False):
        _arrow(axes, start, end, "")


def _reduced(count: int) -> Iterator[str]:
    """The names of the cells of the contrast network, which reduces twice."""
    for index in range(count):
        level = (index >= count // 3) + (index >= 2 * count // 3)
        yield f"cell, 1/{2**level} of the stem's size"


def _colour(place: Sequence[str]) -> str:
    return CELL if "cell" in place else CONVOLUTION if place else PLAIN


def _box(axes: Axes, centre: Point, text: str, colour: str) -> None:
    draw_box(axes, centre, WIDTH, HEIGHT, colour, edge_colour=INK)
    write(axes, centre, text, size=8.5 if len(text) < 26 else 6.5)


def _arrow(axes: Axes, start: Point, end: Point, text: str) -> None:
    """Lead from box to box, and write a text beside the middle."""
    sideways = abs(start[1] - end[1]) < HEIGHT
    first, last = (
        ((point[0] + sign * WIDTH / 2, point[1]) if sideways else point)
        for point, sign in ((start, 1 if end[0] > start[0] else -1), (end, -1 if end[0] > start[0] else 1))
    )
    if not sideways:
        down = 1 if end[1] > start[1] else -1
        first, last = (first[0], first[1] + down * HEIGHT / 2), (last[0], last[1] - down * HEIGHT / 2)
    axes.add_patch(FancyArrowPatch(first, last, arrowstyle="-|>", mutation_scale=11, color=PALE, linewidth=1.8))
    x, y = (first[0] + last[0]) / 2, (first[1] + last[1]) / 2
    if text:
        write(axes, (x, y + 0.14) if sideways else (x + 0.45, y), text, size=7.5)
