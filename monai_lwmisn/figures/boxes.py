"""Draws boxes and texts, which the drawings of cells and of shapes share."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from monai_lwmisn.figures.cell_layout import Point

INK = "#333333"
PALE = "#C4C4C4"


def draw_box(axes: Axes, centre: Point, width: float, height: float, colour: str, edge_colour: str = "none") -> None:
    """Draw a box with round corners."""
    corner = (centre[0] - width / 2, centre[1] - height / 2)
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=colour, edgecolor=edge_colour, zorder=3)
    )


def write(axes: Axes, centre: Point, text: str, size: float, colour: str = INK) -> None:
    """Write a text around a point."""
    axes.text(*centre, text, fontsize=size, color=colour, ha="center", va="center_baseline", zorder=4)
