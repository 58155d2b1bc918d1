"""Makes the folder of an `auto` run by hand, without training."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from monai_lwmisn.training.error_pictures import draw_errors
from tests.auto.test_rules import a_class, a_fingerprint
from tests.networks.small import small_genotype


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def change_metrics(out: Path, **of_cases: Any) -> None:
    """Give all tested cases of all runs, and their mean, other scores."""
    for path in [*out.glob("**/evaluation/metrics.json")]:
        metrics = json.loads(path.read_text())
        for scores in (*metrics["cases"], metrics["mean"]):
            scores |= of_cases
        path.write_text(json.dumps(metrics))


def run_folder(folder: Path, names: Sequence[str], dice: Sequence[float | None], cases: Sequence[str]) -> None:
    """A run with a history, an evaluation of some cases, and a picture of each but the last."""
    small_genotype().save(folder / "genotype.json")
    keys = ["dsc", *(f"dsc_{name.replace(' ', '_')}" for name in names if len(names) > 1)]
    rows = [
        {"case": case, "image": f"/data/{case}", **dict.fromkeys(keys, score), "quality": score and (1 + score) / 2}
        for case, score in zip(cases, dice, strict=True)
    ]
    known = [score for score in dice if score is not None]
    write(
        folder / "evaluation" / "metrics.json",
        {
            "mean": dict.fromkeys(keys, sum(known) / len(known) if known else None),
            "cases": rows,
            "split": "test",
            "empty_images": "one",
            "postprocessing": [],
            "classes": {name: {"cases": len(known), "found": len(known), "invented": 0} for name in names},
            "counts": {"cases": len(rows), "images": len(rows), "empty_images": 0},
            "params": 83257,
            "macs": 107206272,
            "latency_ms": 4.2,
            "latency_range_ms": [4.0, 4.9],
            "latency_reliable": True,
            "peak_memory_mb": 15.0,
        },
    )
    lines = [
        {"epoch": epoch, "of": 40, "seconds": 1.0, "loss": 1 / epoch}
        | ({"validation_dsc": 0.9 - 0.8 * math.exp(-epoch / 10)} if epoch % 5 == 0 else {})
        for epoch in range(1, 41)
    ]
    (folder / "train").mkdir()
    (folder / "train" / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "evaluation" / "cases").mkdir()
    for index in range(len(rows) - 1):
        Image.fromarray(picture_of_errors(index)).save(folder / "evaluation" / "cases" / f"{index:04d}.jpg")


def picture_of_errors(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :160]
    truth = (np.hypot(y - 60, x - 60) < 30).astype(np.uint8)
    truth[np.abs(y - x + 20) < 2] = 2
    prediction = np.roll(truth, 4, axis=1)
    prediction[(truth == 2) & (y > 80)] = 0
    image = 60 + 90 * (truth > 0) + generator.integers(0, 40, truth.shape)
    return draw_errors(image.astype(np.uint8), truth, prediction)


def auto_folder(
    out: Path,
    names: Sequence[str] = ("inside", "border"),
    dice: Sequence[float | None] = (0.91, 0.55, 0.83, 0.88, None, 0.86),
    folds: int = 1,
    title: str = "image",
) -> Path:
    """A complete folder. Each fold has the given scores, with the number of the fold in hundredths above the first."""
    out.mkdir(parents=True)
    classes = [a_class(value, name=name, width=3.0) for value, name in enumerate(names, start=1)]
    write(out / "fingerprint.json", dataclasses.asdict(a_fingerprint(volumetric=False, classes=classes)))
    decisions = [
        {"key": "data.crop", "value": [192, 192], "reason": "The median picture has 256 pixels a side."},
        {"key": "architecture.node_width", "value": [24, 28, 40], "reason": "It may have 0.15 M parameters."},
        {"key": "train.loss", "value": "dice_ce", "reason": "The class border is 3.0 pixels wide."},
    ]
    write(out / "decisions.json", decisions)
    plan = {
        "search": False,
        "network": "The network is a shipped one.",
        "weights": True,
        "weights_reason": "Few images.",
    }
    write(out / "plan.json", {**plan, "folds": None, "folds_reason": "One network is trained."})
    write(out / "estimate.json", {"seconds": 600.0, "memory_gib": 1.9, "steps": 4000, "pace": 0.15})
    write(out / "baseline.json", {"dice": 0.412})
    write(
        out / "result.json",
        {
            "bundle": {"run": "run", "why": "It is the only network."},
            "times": {"search": 8.0, "train_0": 540.0},
            "label_curve": [{"cases": 4, "dice": 0.7}, {"cases": 8, "dice": 0.8}, {"cases": 16, "dice": 0.85}],
        },
    )
    (out / "bundle" / "models").mkdir(parents=True)
    write(out / "bundle" / "configs" / "inference.json", {"inference": {"flag_below": 0.92}})
    for fold in range(folds):
        cases = [f"{title} {fold * len(dice) + index}" for index in range(len(dice))]
        scores = [None if score is None else score + fold / 100 for score in dice]
        run_folder(out / "run" if folds == 1 else out / "folds" / f"fold_{fold}", names, scores, cases)
    return out
