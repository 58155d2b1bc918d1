"""Draws a cell of a genotype."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve

from monai_lwmisn.figures.boxes import INK, PALE, draw_box, write
from monai_lwmisn.figures.cell_layout import (
    BOX_HEIGHT,
    BOX_WIDTH,
    LABEL_HEIGHT,
    TERMINAL_HEIGHT,
    TERMINAL_WIDTH,
    Arrow,
    CellLayout,
    control_points,
)

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


def draw_cell(axes: Axes, layout: CellLayout) -> None:
    """Draw a cell in axes whose unit is an inch.

    Every node is a box with the two operations whose results it adds. An arrow leads to each operation from its
    predecessor.
    """
    for arrow in layout.concatenation():
        _draw_arrow(axes, arrow, PALE)
    for centre in layout.nodes:
        draw_box(axes, centre, BOX_WIDTH, BOX_HEIGHT, "white", edge_colour=INK)
    for node, (x, y) in enumerate(layout.nodes):
        write(axes, (x, y + 0.26), f"node {node}", size=9)
    for edge, arrow in zip(layout.edges, layout.arrows(), strict=True):
        colour = OPERATION_COLOURS.get(edge.operation, UNLISTED_COLOUR)
        _draw_arrow(axes, arrow, colour)
        label = (layout.nodes[edge.node][0], arrow[1][1])
        draw_box(axes, label, BOX_WIDTH - 0.1, LABEL_HEIGHT, colour)
        write(axes, label, edge.operation.replace("_", " "), size=8, colour="white")
    for centre, name in [*zip(layout.inputs, ("$c_{k-2}$", "$c_{k-1}$"), strict=True), (layout.output, "output")]:
        draw_box(axes, centre, TERMINAL_WIDTH, TERMINAL_HEIGHT, "#EEEEEE", edge_colour=INK)
        write(axes, centre, name, size=10)
    write(axes, (layout.output[0], layout.output[1] - 0.34), "concatenated", size=7.5)


def _draw_arrow(axes: Axes, arrow: Arrow, colour: str) -> None:
    x, y = arrow[1]
    curve = Curve(control_points((arrow[0], (x - 0.07, y))), [Curve.MOVETO, *[Curve.CURVE4] * 3])
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=colour, linewidth=1.8, zorder=1))
    head = Curve([(x, y), (x - 0.11, y + 0.055), (x - 0.11, y - 0.055), (x, y)], closed=True)
    axes.add_patch(PathPatch(head, facecolor=colour, edgecolor=colour, linewidth=0.5, zorder=2))
