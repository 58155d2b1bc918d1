"""Compares searched networks with the best of as many random ones, and with single random ones.

    lwmisn compare --preset nuclei --protocol small --data dsb2018.zip -o nuclei --validation-only \
        --models evolve_0,best_of_random_0,drawn_0,...
    python benchmarks/search_against_chance.py nuclei --widened widened --output docs/results/search_nuclei

The folder has ``trials/`` of the comparison and, for the correlations, ``networks/NAME.csv``, the trials.csv of each
search. The searches of the folder ``widened`` make each network as wide as the budget lets it be (search.widen). The
score of an architecture is the mean of its trainings with the same seeds. The permutation test exchanges architectures,
not images or trainings of one. The interval is a bootstrap over architectures.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from reports import make_parser, table, write_result
from scipy.stats import bootstrap, f_oneway, permutation_test, spearmanr

from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.architecture import STAGES
from monai_lwmisn.profiling import parameter_count
from monai_lwmisn.studies.trials import DONE, read_trials

METHODS = {"evolve": "searched", "best_of_random": "best of random", "drawn": "single random"}
WIDENED, BOTH = "searched, widened", "searched, of either kind"
LEARNED = "single random that learned"
"""Those of which no training ends below LEAST."""

RESAMPLES, LEAST = 20_000, 0.5
COSTS = ("params", "macs", "latency_ms", "dice_after_3")


def main() -> None:
    """Read the folder of a comparison and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("comparison", type=Path, help="the folder of a comparison")
    parser.add_argument("--widened", type=Path, metavar="FOLDER", help="a comparison whose searches widen networks")
    arguments = parser.parse_args()
    scores = {method: read_scores(arguments.comparison, method) for method in METHODS}
    groups = {METHODS[method]: found for method, found in scores.items()}
    groups[LEARNED] = {name: values for name, values in scores["drawn"].items() if min(values) >= LEAST}
    own, best = groups.pop(METHODS["evolve"]), METHODS["best_of_random"]
    minutes = {METHODS[method]: read_minutes(arguments.comparison, method) for method in METHODS}
    effects = {
        f"{METHODS['evolve']} against {words}": effect(means(own), means(found)) for words, found in groups.items()
    }
    searched = {METHODS["evolve"]: own}
    if arguments.widened is not None:
        searched[WIDENED] = read_scores(arguments.widened, "evolve")
        minutes[WIDENED] = read_minutes(arguments.widened, "evolve")
        for words, values in ((WIDENED, means(searched[WIDENED])), (BOTH, means(own) + means(searched[WIDENED]))):
            effects[f"{words} against {best}"] = effect(values, means(groups[best]))
    result: dict[str, Any] = {
        "scores": {**searched, **groups},
        "minutes": minutes,
        "ceiling": spread(list(groups[LEARNED].values())),
        "effects": effects,
        "correlations": correlations(arguments.comparison / "networks"),
        "networks": [read_network(arguments.comparison, name) for name in (*own, *groups[best])],
    }
    write_result(arguments.output, result, markdown(result))


def read_scores(out: Path, method: str) -> dict[str, list[float]]:
    """Return the validation Dice of each training, by the name of the network; networks with all seeds only."""
    found = {}
    for folder in sorted((out / "trials").glob(f"{method}_*")):
        trials = read_trials(out, folder.name)
        values = [
            trial["validation_dsc"]
            for name, trial in trials.items()
            if name.startswith("seed_") and trial["status"] == DONE
        ]
        if values:
            found[folder.name] = values
    seeds = max(map(len, found.values()), default=0)
    return {name: values for name, values in found.items() if len(values) == seeds}


def read_minutes(out: Path, method: str) -> list[float]:
    """Return the minutes of each search."""
    searches = [read_trials(out, folder.name).get("search") for folder in sorted((out / "trials").glob(f"{method}_*"))]
    return [search["seconds"] / 60 for search in searches if search is not None and search["status"] == DONE]


def means(scores: dict[str, list[float]]) -> list[float]:
    """The score of each architecture."""
    return [float(np.mean(values)) for values in scores.values()]


def spread(trainings: Sequence[Sequence[float]]) -> dict[str, float]:
    """How much architectures differ beside how much seeds do: components of variance of a one-way layout."""
    values = np.asarray(trainings)
    count, seeds = values.shape
    within = float(values.var(axis=1, ddof=1).mean())
    between = max(0.0, float(values.mean(axis=1).var(ddof=1)) - within / seeds)
    test = f_oneway(*values)
    return {
        "architectures": count,
        "seeds": seeds,
        "sd_between": between**0.5,
        "sd_of_seeds": within**0.5,
        "f": float(test.statistic),
        "p": float(test.pvalue),
    }


def effect(own: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    """The difference of the means of two groups of architectures, in points of Dice."""
    test = permutation_test((own, others), _difference, n_resamples=RESAMPLES, rng=np.random.default_rng(0))
    interval = bootstrap((own, others), _difference, n_resamples=RESAMPLES, rng=np.random.default_rng(0))
    low, high = interval.confidence_interval
    return {"points": _difference(own, others), "low": float(low), "high": float(high), "p": float(test.pvalue)}


def _difference(own: Any, others: Any, axis: int = -1) -> Any:
    return 100 * (np.mean(own, axis=axis) - np.mean(others, axis=axis))


def correlations(folder: Path) -> dict[str, dict[str, Any]]:
    """Rank correlations (Spearman) of the costs and the first Dice of all networks of searches with their Dice."""
    rows = [row for file in sorted(folder.glob("*.csv")) for row in csv.DictReader(file.open())]
    found: dict[str, dict[str, Any]] = {}
    for dice in ("dice_after_3", "dice_after_9"):
        known = [row for row in rows if row[dice]]
        found[dice] = {"networks": len(known)}
        for cost in COSTS:
            if known and cost != dice:
                pairs = [[float(row[cost]), float(row[dice])] for row in known]
                found[dice][cost] = float(spearmanr(np.array(pairs)).statistic)
    return found


def read_network(out: Path, name: str) -> dict[str, Any]:
    """The size and shape of the network that a search found."""
    genotype = Genotype.from_dict(read_trials(out, name)["search"]["genotype"])
    shape = genotype.architecture
    return {
        "name": name,
        "params": parameter_count(LWMISN(genotype)),
        "dice": float(np.mean(read_scores(out, name.rpartition("_")[0])[name])),
        "stem": shape.stem_stride,
        "encoder": list(shape.node_width),
        "decoder": list(shape.decoder_width or shape.node_width[:-1]),
        "cells": sum(shape.cells_of(stage) for stage in STAGES),
    }


def markdown(result: dict[str, Any]) -> list[str]:
    """Return the lines of the tables."""
    rows = []
    for words, found in result["scores"].items():
        values, minutes = means(found), result["minutes"].get(words, [])
        time = f"{np.mean(minutes):.0f} ({min(minutes):.0f} to {max(minutes):.0f})" if "single" not in words else "-"
        rows.append(
            [words, len(values), f"{np.mean(values):.4f}", f"{np.std(values, ddof=1):.4f}", f"{max(values):.4f}", time]
        )
    head = ["network", "architectures", "mean Dice", "SD", "best", "minutes of a search"]
    effects = [
        [words, f"{one['points']:+.2f}", f"{one['low']:+.2f} to {one['high']:+.2f}", f"{one['p']:.4f}"]
        for words, one in result["effects"].items()
    ]
    ceiling, related = result["ceiling"], result["correlations"]
    spreads = [
        f"{ceiling['architectures']} with {ceiling['seeds']} seeds",
        *(f"{ceiling[key]:.4f}" for key in ("sd_between", "sd_of_seeds")),
        f"{ceiling['f']:.1f}",
        f"{ceiling['p']:.2g}",
    ]
    networks = [
        [
            f"`{one['name']}`",
            f"{one['params']:,}",
            f"{one['dice']:.4f}",
            one["stem"],
            *(", ".join(map(str, one[side])) for side in ("encoder", "decoder")),
            one["cells"],
        ]
        for one in result["networks"]
    ]
    shape = ["network", "parameters", "mean Dice", "stem stride", "encoder channels", "decoder channels", "cells"]
    counts = [f"{dice.replace('_', ' ')} epochs ({one['networks']} networks)" for dice, one in related.items()]
    ranks = [
        [cost, *(f"{one[cost]:.2f}" if cost in one else "-" for one in related.values())]
        for cost in COSTS
        if any(cost in one for one in related.values())
    ]
    return [
        *table(head, rows),
        "",
        *table(["compared", "points", "95 % interval", "p (permutation)"], effects),
        "",
        *table([LEARNED, "SD between", "SD of seeds", "F", "p"], [spreads]),
        "",
        *table(["rank correlation (Spearman) with", *counts], ranks),
        "",
        *table(shape, networks),
    ]


if __name__ == "__main__":
    main()
