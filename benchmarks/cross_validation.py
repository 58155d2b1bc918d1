"""Cross-validation of one genotype: a training and an evaluation for each fold, and the means over all cases.

    python benchmarks/cross_validation.py prostate_mr genotype.json --data PATH --runs runs/prostate --output FILE

An interrupted fold is resumed from its checkpoint, and a finished fold is not repeated. The genotype should come from a
search on the training part of one fold, and the document must say so.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from reports import make_parser, table, write_result

from monai_lwmisn import run as stages
from monai_lwmisn.config import parse_overrides
from monai_lwmisn.files import read_json


def main() -> None:
    """Train and evaluate the folds that are not finished, and write the table."""
    parser = make_parser(__doc__)
    parser.add_argument("preset")
    parser.add_argument("genotype", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--runs", type=Path, required=True, help="folder with a run folder for each fold")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    settings = {**parse_overrides(arguments.set), "data.folds": arguments.folds}
    folds = [
        _evaluate(arguments.runs / f"fold{fold}", arguments, {**settings, "data.fold": fold})
        for fold in range(arguments.folds)
    ]
    _write(folds, arguments.output)


def _evaluate(run: Path, arguments: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    done = run / "evaluation" / "metrics.json"
    if done.is_file():
        return read_json(done)
    if not (run / "genotype.json").is_file():
        given = {"search.strategy": "given", "search.genotype": os.path.abspath(arguments.genotype)}
        stages.search(run, preset=arguments.preset, data=arguments.data, settings={**settings, **given})
    stages.train(run, resume=(run / "train" / "checkpoint.pt").is_file())
    return stages.evaluate(run)


def _write(folds: list[dict[str, Any]], output: Path) -> None:
    names = [name for name, value in folds[0]["mean"].items() if value is not None]
    cases = [case for fold in folds for case in fold["cases"]]
    means = {name: float(np.nanmean([np.nan if c[name] is None else c[name] for c in cases])) for name in names}
    result = {
        "mean_over_cases": means,
        "folds": [{"mean": fold["mean"], "cases": len(fold["cases"])} for fold in folds],
        "params": folds[0]["params"],
        "macs": folds[0]["macs"],
        "cases": len(cases),
    }
    rows = [(index, len(fold["cases"]), *_values(fold["mean"], names)) for index, fold in enumerate(folds)]
    write_result(output, result, table(["fold", "cases", *names], [*rows, ("all", len(cases), *_values(means, names))]))


def _values(means: dict[str, float], names: list[str]) -> list[str]:
    return [f"{means[name]:.4f}" for name in names]


if __name__ == "__main__":
    main()
