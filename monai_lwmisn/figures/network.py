"""Draws the network of a genotype: its shape, and below it each of its cells."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.figures.boxes import INK
from monai_lwmisn.figures.cell_layout import TERMINAL_WIDTH, lay_out
from monai_lwmisn.figures.cells import draw_cell
from monai_lwmisn.figures.shapes import draw_shape, size_of_shape
from monai_lwmisn.networks import Genotype
from monai_lwmisn.networks.architecture import STAGES

FORMATS = (".svg", ".png", ".pdf")
MARGIN, TITLE_HEIGHT = 0.25, 0.45


def draw_network(genotype: Genotype, path: str | Path) -> None:
    """Draw the shape of a network, and the cell of each group below it. The same genotype gives the same file.

    Args:
        genotype: of the network.
        path: the file to write; its ending is .svg, .png or .pdf. The folder is made.

    Raises:
        ConfigError: for another ending.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path} cannot be drawn: end its name in {', '.join(FORMATS)}.")
    wide, high = size_of_shape(genotype.architecture)
    layouts = {group: lay_out(edges) for group, edges in genotype.edges.items()}
    # Left, right, bottom and top of each drawing in inches, without its title.
    spans = [(0.0, wide, 0.0, high)] + [
        (-TERMINAL_WIDTH / 2, layout.output[0] + TERMINAL_WIDTH / 2, layout.bottom, layout.top)
        for layout in layouts.values()
    ]
    titles = ["the network, finest resolution at the top", *(_title(genotype, group) for group in layouts)]
    total = sum(top - bottom + TITLE_HEIGHT + 2 * MARGIN for _, _, bottom, top in spans)
    width = max(right - left for left, right, _, _ in spans) + 2 * MARGIN
    figure = Figure(figsize=(width, total))
    below = total
    for number, (left, _, bottom, top) in enumerate(spans):
        height = top - bottom + TITLE_HEIGHT + 2 * MARGIN
        below -= height
        axes = figure.add_axes((0.0, below / total, 1.0, height / total))
        axes.set(xlim=(left - MARGIN, left - MARGIN + width), ylim=(bottom - MARGIN, top + MARGIN + TITLE_HEIGHT))
        axes.set_axis_off()
        axes.text(left, top + TITLE_HEIGHT, titles[number], fontsize=12, color=INK, va="center")
        if number == 0:
            draw_shape(axes, genotype.architecture)
        else:
            draw_cell(axes, list(layouts.values())[number - 1])
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a date and with a fixed salt, an SVG's identifiers do not change from one drawing to the next.
    with matplotlib.rc_context({"svg.hashsalt": "lwmisn", "svg.fonttype": "none"}):
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        figure.savefig(path, dpi=150, facecolor="white", metadata=metadata)


def _title(genotype: Genotype, group: str) -> str:
    cells = {stage: genotype.architecture.cells_of(stage) for stage in STAGES}
    name = f"{group} cell" if group in cells else "the cell"
    return f"{name} ({cells.get(group, sum(cells.values()))} in the network)"
