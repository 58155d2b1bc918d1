"""Puts the evaluations of all networks together: the score of each class, the agreement of the folds, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

WORDS = (
    (0.95, "close to what people agree on among themselves"),
    (0.85, "good: most outlines need no correction"),
    (0.7, "fair: look at each mask"),
    (0.5, "weak: a start for labelling by hand"),
    (0.0, "not usable yet"),
)
"""Dice, and what it means, from the best on."""


def words_for(dice: float) -> str:
    """Return what a Dice means."""
    return next(words for least, words in WORDS if dice >= least)


def mean_of_objects(cases: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """Return the mean ``f1_50`` and ``aji`` of cases of a metrics.json; None where no objects were told apart."""
    found = {name: _mean([case.get(name) for case in cases]) for name in ("f1_50", "aji")}
    known = {name: value for name, value in found.items() if value is not None}
    return known if len(known) == len(found) else None


def objects_words(objects: Mapping[str, float]) -> str:
    """Return the scores of objects as a sentence, without which the Dice of all objects together would be misread."""
    return (
        f"Told apart, the objects have an F1 of {objects['f1_50']:.2f} (1 where each is found, to an IoU of 0.5, and "
        f"none is invented) and an aggregated Jaccard index (AJI) of {objects['aji']:.2f}."
    )


def scores(evaluations: Sequence[Mapping[str, Any]], classes: Sequence[str], volumetric: bool) -> dict[str, Any]:
    """Return the mean Dice of all test cases, that of each class, and of each fold, and the scores of objects.

    Args:
        evaluations: the content of the metrics.json of each network.
        classes: the names of the classes.
        volumetric: whether the images are volumes, whose Dice is taken in 3D.
    """
    metric = "dsc_3d" if volumetric else "dsc"
    cases = [case for metrics in evaluations for case in metrics["cases"]]
    keys = {name: metric if len(classes) == 1 else f"{metric}_{name.replace(' ', '_')}" for name in classes}
    of_classes = {name: _mean([case.get(key) for case in cases]) for name, key in keys.items()}
    dice = _mean(list(of_classes.values()))
    folds = [metrics["mean"].get(metric) for metrics in evaluations]
    known = [value for value in folds if value is not None]
    return {
        "metric": "Dice per case in 3D" if volumetric else "Dice per image",
        "dice": dice,
        "words": "not measured" if dice is None else words_for(dice),
        "classes": {
            name: {"dice": value, "words": "not in the test cases" if value is None else words_for(value)}
            for name, value in of_classes.items()
        },
        "objects": mean_of_objects(cases),
        "cases": len(cases),
        "folds": folds if len(folds) > 1 else None,
        "agreement": float(np.std(known)) if len(known) > 1 else None,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
