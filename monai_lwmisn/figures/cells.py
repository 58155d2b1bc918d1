"""Draws the cells of a genotype."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.figures.cell_layout import (
    BOX_HEIGHT,
    BOX_WIDTH,
    LABEL_HEIGHT,
    TERMINAL_HEIGHT,
    TERMINAL_WIDTH,
    Arrow,
    CellLayout,
    Point,
    control_points,
    lay_out,
)
from monai_lwmisn.networks import Genotype
from monai_lwmisn.networks.architecture import STAGES

FORMATS = (".svg", ".png", ".pdf")

# The colours of Okabe and Ito, which the colour-blind can tell apart.
OPERATION_COLOURS = {
    "identity": "#888888",
    "separable_conv_3x3": "#0072B2",
    "separable_conv_5x5": "#0072B2",
    "dilated_conv_3x3": "#4AA3D8",
    "dilated_conv_5x5": "#4AA3D8",
    "ghost_conv_3x3": "#009E73",
    "selective_kernel_conv_3x3": "#D55E00",
    "shuffle_group_conv_3x3": "#CC79A7",
    "max_pool_3x3": "#C98600",
    "average_pool_3x3": "#C98600",
    "conv_3x3": "#7A4FA3",
    "conv_1x1": "#7A4FA3",
}
UNLISTED_COLOUR = "#444444"
INK = "#333333"
PALE = "#C4C4C4"
MARGIN, TITLE_HEIGHT = 0.25, 0.45


def draw_cells(genotype: Genotype, path: str | Path) -> None:
    """Draw the cell of each group of a genotype, one below the other.

    Every node is a box with the two operations whose results it adds. An arrow leads to each operation from its
    predecessor. The same genotype gives the same file.

    Args:
        genotype: the genotype.
        path: the file to write; its ending is .svg, .png or .pdf. The folder is made.

    Raises:
        ConfigError: for another ending, or a network without cells.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path} cannot be drawn: end its name in {', '.join(FORMATS)}.")
    if not genotype.edges:
        raise ConfigError(f"{path} cannot be drawn, because the network has no cell: leave the drawing out.")
    layouts = {group: lay_out(edges) for group, edges in genotype.edges.items()}
    heights = [layout.top - layout.bottom + TITLE_HEIGHT + 2 * MARGIN for layout in layouts.values()]
    left = -TERMINAL_WIDTH / 2 - MARGIN
    right = max(layout.output[0] for layout in layouts.values()) + TERMINAL_WIDTH / 2 + MARGIN
    figure = Figure(figsize=(right - left, sum(heights)))
    below = sum(heights)
    for (group, layout), height in zip(layouts.items(), heights, strict=True):
        below -= height
        axes = figure.add_axes((0.0, below / sum(heights), 1.0, height / sum(heights)))
        axes.set(xlim=(left, right), ylim=(layout.bottom - MARGIN, layout.top + MARGIN + TITLE_HEIGHT))
        axes.set_axis_off()
        axes.text(
            left + MARGIN, layout.top + TITLE_HEIGHT, _title(genotype, group), fontsize=12, color=INK, va="center"
        )
        _draw_cell(axes, layout)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a date and with a fixed salt, an SVG's identifiers do not change from one drawing to the next.
    with matplotlib.rc_context({"svg.hashsalt": "lwmisn", "svg.fonttype": "none"}):
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        figure.savefig(path, dpi=150, facecolor="white", metadata=metadata)


def _title(genotype: Genotype, group: str) -> str:
    cells = {stage: genotype.architecture.cells_of(stage) for stage in STAGES}
    name = f"{group} cell" if group in cells else "the cell"
    return f"{name} ({cells.get(group, sum(cells.values()))} in the network)"


def _draw_cell(axes: Axes, layout: CellLayout) -> None:
    for arrow in layout.concatenation():
        _draw_arrow(axes, arrow, PALE)
    for centre in layout.nodes:
        _draw_box(axes, centre, BOX_WIDTH, BOX_HEIGHT, "white", edge_colour=INK)
    for node, (x, y) in enumerate(layout.nodes):
        _write(axes, (x, y + 0.26), f"node {node}", size=9)
    for edge, arrow in zip(layout.edges, layout.arrows(), strict=True):
        colour = OPERATION_COLOURS.get(edge.operation, UNLISTED_COLOUR)
        _draw_arrow(axes, arrow, colour)
        label = (layout.nodes[edge.node][0], arrow[1][1])
        _draw_box(axes, label, BOX_WIDTH - 0.1, LABEL_HEIGHT, colour)
        _write(axes, label, edge.operation.replace("_", " "), size=8, colour="white")
    for centre, name in [*zip(layout.inputs, ("$c_{k-2}$", "$c_{k-1}$"), strict=True), (layout.output, "output")]:
        _draw_box(axes, centre, TERMINAL_WIDTH, TERMINAL_HEIGHT, "#EEEEEE", edge_colour=INK)
        _write(axes, centre, name, size=10)
    _write(axes, (layout.output[0], layout.output[1] - 0.34), "concatenated", size=7.5)


def _draw_box(axes: Axes, centre: Point, width: float, height: float, colour: str, edge_colour: str = "none") -> None:
    corner = (centre[0] - width / 2, centre[1] - height / 2)
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=colour, edgecolor=edge_colour, zorder=3)
    )


def _write(axes: Axes, centre: Point, text: str, size: float, colour: str = INK) -> None:
    axes.text(*centre, text, fontsize=size, color=colour, ha="center", va="center_baseline", zorder=4)


def _draw_arrow(axes: Axes, arrow: Arrow, colour: str) -> None:
    x, y = arrow[1]
    curve = Curve(control_points((arrow[0], (x - 0.07, y))), [Curve.MOVETO, *[Curve.CURVE4] * 3])
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=colour, linewidth=1.8, zorder=1))
    head = Curve([(x, y), (x - 0.11, y + 0.055), (x - 0.11, y - 0.055), (x, y)], closed=True)
    axes.add_patch(PathPatch(head, facecolor=colour, edgecolor=colour, linewidth=0.5, zorder=2))
