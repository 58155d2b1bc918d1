"""The figures of a comparison: accuracy against each cost with its front, and the masks of three networks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullFormatter
from monai.bundle import ConfigParser
from monai.utils import optional_import

from monai_lwmisn.config import read_config
from monai_lwmisn.data import read_datalist
from monai_lwmisn.networks.weights import load_weights
from monai_lwmisn.studies.models import OURS
from monai_lwmisn.studies.results import GROUPS, Results, Row
from monai_lwmisn.studies.statistics import pareto_front
from monai_lwmisn.studies.trials import Trial
from monai_lwmisn.training.overlays import OverlayFigure, blend

adjust_text, HAS_ADJUST_TEXT = optional_import("adjustText", name="adjust_text")

AXES = {
    "params": ("parameters (M)", 1e6),
    "macs": ("multiply-accumulates at 256x256 (G)", 1e9),
    "latency_ms": ("ms per 256x256 image, torch, CPU", 1.0),
    "latency_onnx_ms": ("ms per 256x256 image, ONNX Runtime, CPU", 1.0),
    "latency_openvino_ms": ("ms per 256x256 image, OpenVINO, CPU", 1.0),
}
COLORS = {"paper": "#648fff", "peer": "#ffb000", "ours": "#dc267f", "ablation": "#b0b0b0"}
SHOWN = {"unet": "U-net", "nas_unet": "NAS-Unet", OURS: "ours"}
"""The networks of figure 5."""

QUANTILES = (0.9, 0.5, 0.1)
"""The rows of figure 5: the test cases at these quantiles of our score."""


def draw_fronts(rows: Sequence[Row], metric: str, words: str) -> bytes:
    """Draw accuracy against parameters, multiply-accumulates and time, each with its Pareto front.

    Args:
        rows: the networks. Those of the group ``ablation`` and random ones are labelled only on a front. Times that
            are unreliable are not drawn.
        metric: the metric of accuracy.
        words: its name.

    Returns:
        The PNG.
    """
    costs = [
        cost
        for cost in AXES
        if any(row.costs[cost] is not None for row in rows) and all(row.is_reliable(cost) for row in rows)
    ]
    figure = Figure(figsize=(7.0 * 2, 5.2 * ((len(costs) + 1) // 2)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots((len(costs) + 1) // 2, 2).flatten()
    for axis in panels[len(costs) :]:
        axis.set_axis_off()
    labels: dict[Axes, list[Text]] = {}
    for axis, cost in zip(panels, costs, strict=False):
        title, unit = AXES[cost]
        known = {row.name: row for row in rows if row.costs[cost] is not None}
        across = {name: row.costs[cost] / unit for name, row in known.items()}
        up = {name: row.mean(metric) for name, row in known.items()}
        front = pareto_front(across, up)
        corners = [across[name] for name in front], [up[name] for name in front]
        axis.step(*corners, where="post", color="black", linewidth=1, zorder=1)
        for group in [group for group in GROUPS if any(row.group == group for row in rows)]:
            names = [name for name, row in known.items() if row.group == group]
            places = [across[name] for name in names], [up[name] for name in names]
            axis.scatter(*places, color=COLORS[group], s=28, zorder=2, label=GROUPS[group])
        axis.margins(0.08)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xlabel(title)
        axis.set_ylabel(words)
        axis.grid(alpha=0.3)
        named = [name for name, row in known.items() if row.group != "ablation" and not name.startswith("random_")]
        named += [name for name in front if name not in named]
        labels[axis] = [axis.text(across[name], up[name], name, fontsize=8) for name in named]
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=len(GROUPS))
    figure.draw_without_rendering()  # adjust_text needs the final positions of the axes
    for axis, texts in labels.items():
        dots = np.concatenate([group.get_offsets() for group in axis.collections])
        adjust_text(texts, *dots.T, ax=axis, iter_lim=500, arrowprops={"arrowstyle": "-", "color": "gray"})
    return _as_png(figure)


def draw_examples(results: Results, metric: str) -> bytes | None:
    """Draw figure 5: image, truth, U-net, NAS-Unet and ours, for a good, a median and a bad test case of ours.

    Args:
        results: results of the comparison, with its run folders.
        metric: the metric that orders the test cases.

    Returns:
        The PNG, or None if one of the three networks has no evaluation with the first seed or no weights.

    Raises:
        DataError: an image cannot be read.
    """
    runs = {name: Trial(results.out, name, "seed_0").run for name in SHOWN}
    tested = {row.name: row.trainings[0]["test"]["cases"] for row in results.rows if row.tested and 0 in row.trainings}
    if not all(name in tested and (run / "models" / "model.pt").is_file() for name, run in runs.items()):
        return None
    scores = {index: case[metric] for index, case in enumerate(tested[OURS]) if case[metric] is not None}
    if not scores:
        return None
    order = sorted(scores, key=lambda index: scores[index])
    chosen = [order[round(quantile * (len(order) - 1))] for quantile in QUANTILES]
    items = read_datalist(results.out / "datalist.json")["test"]
    pictures = {name: _predictions(run, [items[index] for index in chosen]) for name, run in runs.items()}
    columns = ("image", "truth", *SHOWN.values())
    figure = Figure(figsize=(2.6 * len(columns), 2.7 * len(chosen)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(chosen), len(columns), squeeze=False)
    for number, (row, index) in enumerate(zip(axes, chosen, strict=True)):
        image, truth, _ = pictures[OURS][number]
        image = image.astype(np.float32) / 255
        panels = [image, blend(image, truth), *(blend(image, pictures[name][number][2]) for name in SHOWN)]
        labels = ["", "", *(_label(tested[name][index][metric]) for name in SHOWN)]
        for axis, panel, label in zip(row, panels, labels, strict=True):
            axis.imshow(panel, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_xlabel(label, fontsize=9)
    for axis, title in zip(axes[0], columns, strict=True):
        axis.set_title(title, fontsize=11)
    return _as_png(figure)


def _label(score: float | None) -> str:
    return "" if score is None else f"{score:.3f}"


def _as_png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _predictions(run: Path, items: list[dict]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return the image, truth and prediction of a trained network for each item, as pictures."""
    config = read_config(run, "evaluate")
    config["evaluate"]["dataset"]["data"] = items
    config["evaluate"]["handlers"] = []
    parser = ConfigParser(config)
    parser.update({"bundle_root": str(run.absolute())})
    collected = OverlayFigure("", items, config["data"]["label_names"], config["data"]["volumetric"])
    evaluator = parser.get_parsed_content("evaluate#evaluator")
    load_weights(parser.get_parsed_content("network_def"), run / "models" / "model.pt")
    collected.collect_from(evaluator)
    evaluator.run()
    return collected.pictures
