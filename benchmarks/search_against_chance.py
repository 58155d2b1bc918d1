"""Compares searched networks with the best of as many random ones, and with single random ones.

    lwmisn compare --preset nuclei --protocol small --data dsb2018.zip -o nuclei --validation-only \
        --models evolve_0,best_of_random_0,drawn_0,...
    python benchmarks/search_against_chance.py nuclei --output docs/results/search_nuclei

The score of an architecture is the mean of its trainings with the same seeds. The permutation test exchanges
architectures, not images or trainings of one. The interval is a bootstrap over architectures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from reports import make_parser, table, write_result
from scipy.stats import bootstrap, f_oneway, permutation_test

from monai_lwmisn.studies.trials import DONE, read_trials

METHODS = {"evolve": "searched", "best_of_random": "best of random", "drawn": "single random"}
RESAMPLES = 20_000


def main() -> None:
    """Read the folder of a comparison and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("comparison", type=Path, help="the folder of a comparison")
    arguments = parser.parse_args()
    scores = {method: read_scores(arguments.comparison, method) for method in METHODS}
    result: dict[str, Any] = {
        "scores": scores,
        "minutes": {method: read_minutes(arguments.comparison, method) for method in METHODS},
        "ceiling": spread(list(scores["drawn"].values())),
        "effects": {
            method: effect(means(scores["evolve"]), means(scores[method])) for method in METHODS if method != "evolve"
        },
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


def markdown(result: dict[str, Any]) -> list[str]:
    """Return the lines of the tables."""
    rows = []
    for method, words in METHODS.items():
        values, minutes = means(result["scores"][method]), result["minutes"][method]
        time = f"{np.mean(minutes):.0f}" if minutes and method != "drawn" else "-"
        rows.append(
            [words, len(values), f"{np.mean(values):.4f}", f"{np.std(values, ddof=1):.4f}", f"{max(values):.4f}", time]
        )
    head = ["network", "architectures", "mean Dice", "SD", "best", "minutes of a search"]
    effects = [
        [
            METHODS[method],
            f"{one['points']:+.2f}",
            f"{one['low']:+.2f} to {one['high']:+.2f}",
            f"{one['p']:.4f}",
        ]
        for method, one in result["effects"].items()
    ]
    ceiling = result["ceiling"]
    return [
        *table(head, rows),
        "",
        *table(["searched against", "points", "95 % interval", "p (permutation)"], effects),
        "",
        *table(
            ["random networks", "SD between", "SD of seeds", "F", "p"],
            [
                [
                    f"{ceiling['architectures']} with {ceiling['seeds']} seeds",
                    f"{ceiling['sd_between']:.4f}",
                    f"{ceiling['sd_of_seeds']:.4f}",
                    f"{ceiling['f']:.1f}",
                    f"{ceiling['p']:.2g}",
                ]
            ],
        ),
    ]


if __name__ == "__main__":
    main()
