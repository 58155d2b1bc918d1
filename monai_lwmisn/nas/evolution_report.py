"""Reports what a search by short trainings showed: a table, pictures, and sentences about single choices."""

from __future__ import annotations

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from monai_lwmisn.files import write_atomically
from monai_lwmisn.networks import Architecture, Genotype

FEWEST = 4
"""Networks with a choice from which on a sentence is written about it."""

BARS = 16
"""Choices in the picture, the most important ones."""

BETTER = 1 / 3
"""Share of the networks that are called the better ones."""

CLEAR = 2.0
"""Standard errors that a difference of two means must have to be called clear."""


def write_report(trials: Sequence[FrozenTrial], folder: Path) -> list[str]:
    """Write ``trials.csv`` and ``trials.png``, and return sentences about the choices that made a difference.

    Args:
        trials: those that were trained, oldest first.
        folder: where the files are written.
    """
    rows = [_row(trial) for trial in trials]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(text.getvalue().encode(), folder / "trials.csv")
    if len(trials) >= FEWEST:
        _draw(trials, folder / "trials.png")
    skips = sorted({name for row in rows for name in row if name.startswith("skip_")})
    return [sentence for name in ("stem", "levels", *skips, "slices", "cells") for sentence in _compare(name, rows)]


def importances(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """The share of each choice that all trials made in what sets the better ones apart (PED-ANOVA), largest first.

    A network that was stopped early has no value of its own: all are compared after the first rung. Optuna compares the
    best tenth with all, which are three of thirty networks, and then chance decides.
    """
    study = optuna.create_study(direction="maximize")
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                params=trial.params,
                distributions=trial.distributions,
                value=trial.intermediate_values[min(trial.intermediate_values)],
            )
        )
    common = [name for name in trials[0].params if all(name in trial.params for trial in trials)]
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BETTER)
    return optuna.importance.get_param_importances(study, params=common, evaluator=evaluator)


def _row(trial: FrozenTrial) -> dict[str, Any]:
    architecture = Genotype.from_dict(trial.user_attrs["genotype"]).architecture
    return {
        "trial": trial.number,
        **trial.user_attrs["costs"],
        "stem": trial.params["stem"],
        "levels": trial.params["levels"],
        "slices": architecture.slices,
        "cells": _share_of_cells(architecture),
        "width": "-".join(map(str, architecture.node_width)),
        "decoder_width": "-".join(map(str, architecture.decoder_width or ())),
        **{f"skip_{level}": skip for level, skip in enumerate(architecture.skips)},
        **{f"dice_after_{epoch}": value for epoch, value in sorted(trial.intermediate_values.items())},
    }


def _share_of_cells(architecture: Architecture) -> str:
    places = [place for stage in architecture.cells for place in architecture.blocks_of(stage) if place]
    with_cells = sum("cell" in place for place in places)
    return "none" if not with_cells else "all" if with_cells == len(places) else "some"


def _compare(name: str, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Sentences about each value of a choice against the most frequent one, by the Dice at the first rung."""
    first = min((key for row in rows for key in row if key.startswith("dice_after_")), default="", key=_epoch)
    by_value: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in (row for row in rows if name in row):
        by_value[str(row[name])].append(row)
    usual = max(by_value, key=lambda value: len(by_value[value]), default="")
    for value, own in sorted(by_value.items()):
        others = by_value[usual]
        if value == usual or min(len(own), len(others)) < FEWEST:
            continue
        gain, error = _difference([row[first] for row in own], [row[first] for row in others])
        clear = "" if abs(gain) > CLEAR * error else ", which is not clear"
        cost = "latency_ms" if "latency_ms" in own[0] else "macs"
        ratio = statistics.median(row[cost] for row in own) / statistics.median(row[cost] for row in others)
        yield (
            f"{name} {value} instead of {usual}: Dice {100 * gain:+.1f} points (standard error {100 * error:.1f}; "
            f"{len(own)} networks against {len(others)}){clear}; {'time' if cost == 'latency_ms' else 'GMac'} "
            f"x {ratio:.2f}."
        )


def _epoch(column: str) -> int:
    return int(column.rpartition("_")[2])


def _difference(own: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """The difference of two means, and its standard error (Welch)."""
    error = sum(statistics.variance(values) / len(values) for values in (own, others)) ** 0.5
    return statistics.fmean(own) - statistics.fmean(others), error


def _draw(trials: Sequence[FrozenTrial], file: Path) -> None:
    figure = Figure(figsize=(15, 4.5), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    history, importance, front = figure.subplots(1, 3)
    for epoch in sorted({epoch for trial in trials for epoch in trial.intermediate_values}):
        reached = [(number, trial) for number, trial in enumerate(trials, 1) if epoch in trial.intermediate_values]
        history.plot(
            [number for number, _ in reached],
            [trial.intermediate_values[epoch] for _, trial in reached],
            "o",
            label=f"after {epoch} epochs",
        )
    history.set(title="Networks in the order of the search", xlabel="network", ylabel="validation Dice")
    history.legend()
    largest = list(importances(trials).items())[:BARS]
    importance.barh([name for name, _ in reversed(largest)], [share for _, share in reversed(largest)])
    importance.set(title="Importance of each choice (PED-ANOVA)", xlabel="share")
    cost = "latency_ms" if all("latency_ms" in trial.user_attrs["costs"] for trial in trials) else "macs"
    last = [max(trial.intermediate_values.items()) for trial in trials]
    points = front.scatter(
        [trial.user_attrs["costs"][cost] for trial in trials],
        [value for _, value in last],
        c=[epoch for epoch, _ in last],
    )
    figure.colorbar(points, ax=front, label="epochs trained")
    front.set(
        title="Dice against cost",
        xlabel="ms per image of 256x256" if cost == "latency_ms" else "multiply-accumulates",
        ylabel="validation Dice",
    )
    with io.BytesIO() as picture:
        canvas.print_png(picture)
        write_atomically(picture.getvalue(), file)
