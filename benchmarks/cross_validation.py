"""Cross-validation of one genotype: a training and an evaluation for each fold, and the means over all cases.

    python benchmarks/cross_validation.py prostate_mr genotype.json --data PATH --runs runs/prostate --output FILE

A fold that was begun goes on from its checkpoint, one that is done is not repeated. The genotype should come from a
search on the training part of one fold, and the document must say so.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

from monai_lwmisn import run as run_folder
from monai_lwmisn.config import parse_overrides
from monai_lwmisn.run import evaluate


def main() -> None:
    """Run what is not done yet and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("genotype", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--runs", type=Path, required=True, help="folder with a run folder for each fold")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--output", type=Path, required=True, help="path without ending, for .json and .md")
    arguments = parser.parse_args()
    settings = parse_overrides(arguments.set)
    metrics = [
        _fold(arguments.runs / f"fold{fold}", arguments, {**settings, "folds": arguments.folds, "fold": fold})
        for fold in range(arguments.folds)
    ]
    _write(metrics, arguments.output)


def _fold(run: Path, arguments: argparse.Namespace, settings: dict) -> dict:
    done = run / "evaluation" / "metrics.json"
    if done.is_file():
        return json.loads(done.read_text(encoding="utf-8"))
    if not (run / "genotype.json").is_file():
        given = {"strategy": "given", "given_genotype": os.path.abspath(arguments.genotype)}
        run_folder.search(run, preset=arguments.preset, data=arguments.data, overrides={**settings, **given})
    run_folder.train(run, resume=(run / "train" / "checkpoint.pt").is_file())
    return evaluate(run)


def _write(folds: list[dict], output: Path) -> None:
    names = [name for name, value in folds[0]["mean"].items() if value is not None]
    cases = [case for fold in folds for case in fold["cases"]]
    means = {name: float(np.nanmean([np.nan if c[name] is None else c[name] for c in cases])) for name in names}
    report = {
        "mean_over_cases": means,
        "folds": [{"mean": fold["mean"], "cases": len(fold["cases"])} for fold in folds],
        "params": folds[0]["params"],
        "macs": folds[0]["macs"],
        "cases": len(cases),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    lines = [
        f"| fold | cases | {' | '.join(names)} |",
        f"|---|---|{'---|' * len(names)}",
        *(f"| {index} | {len(fold['cases'])} | {_row(fold['mean'], names)} |" for index, fold in enumerate(folds)),
        f"| all | {len(cases)} | {_row(means, names)} |",
    ]
    text = "\n".join(lines) + "\n"
    output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def _row(means: dict, names: list[str]) -> str:
    return " | ".join(f"{means[name]:.4f}" for name in names)


if __name__ == "__main__":
    main()
