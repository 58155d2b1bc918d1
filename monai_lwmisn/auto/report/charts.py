"""Draws the charts of a report as SVG. No text of a user is in them."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from monai_lwmisn.figures.network import draw_network
from monai_lwmisn.networks import Genotype

__all__ = ["learning_curves", "network_drawing", "quality_chart", "rank_correlation"]

COLORS = ("#0b6e99", "#c4500a", "#5b3fa8", "#8a6d00", "#a3195b", "#2e7d32", "#444444", "#00796b", "#b71c1c", "#4a148c")


def learning_curves(histories: Sequence[Sequence[dict[str, Any]]]) -> bytes:
    """Draw loss and validation Dice over the epochs, a line for each run."""
    figure = Figure(figsize=(6.2, 4.6), layout="constrained")
    loss, dice = figure.subplots(2, 1, sharex=True)
    for place, history in enumerate(histories):
        for axes, name in ((loss, "loss"), (dice, "validation_dsc")):
            seen = [(line["epoch"], line[name]) for line in history if line.get(name) is not None]
            label = f"fold {place}" if len(histories) > 1 else None
            marker = "o" if len(seen) < 30 else None
            axes.plot(*zip(*seen, strict=True), color=COLORS[place % len(COLORS)], marker=marker, ms=3, label=label)
    loss.set_ylabel("loss, training")
    dice.set(xlabel="epoch", ylabel="Dice, validation", ylim=(0, 1))
    dice.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(histories) > 1:
        figure.legend(*loss.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    return _svg(figure, loss, dice)


def quality_chart(estimates: Sequence[float], dice: Sequence[float], flagged_below: float) -> bytes:
    """Draw the true Dice of each case over its estimate."""
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    least = min(0.9, *estimates, *dice)
    axes.plot([least, 1], [least, 1], color="#777777", lw=1, ls="--")
    axes.axvline(flagged_below, color=COLORS[1], lw=1)
    axes.scatter(estimates, dice, s=18, color=COLORS[0], alpha=0.8)
    axes.set(xlabel="estimate", ylabel="true Dice", aspect="equal")
    return _svg(figure, axes)


def network_drawing(genotype: Path) -> bytes:
    """Draw the network of a genotype file.

    Raises:
        ConfigError: the file is no genotype.
    """
    with tempfile.TemporaryDirectory() as folder:
        drawing = Path(folder) / "network.svg"
        draw_network(Genotype.load(genotype), drawing)
        return drawing.read_bytes()


def _svg(figure: Figure, *drawn: Axes) -> bytes:
    for axes in drawn:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#dddddd", lw=0.6)
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "lwmisn", "svg.fonttype": "none"}):
        figure.savefig(content, format="svg", facecolor="white", metadata={"Date": None})
    return content.getvalue()


def rank_correlation(estimates: Sequence[float], dice: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation; None where one of both does not vary."""
    if len(set(estimates)) < 2 or len(set(dice)) < 2:
        return None
    return float(np.asarray(stats.spearmanr(estimates, dice).statistic))
