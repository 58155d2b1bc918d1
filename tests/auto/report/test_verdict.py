"""The verdict follows from the scores, the threshold, the weakest class and the folds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monai_lwmisn.auto.report.results import Results
from monai_lwmisn.auto.report.verdict import interval, judge
from monai_lwmisn.auto.scores import words_for
from tests.auto.report.folder import auto_folder

GOOD = (0.9, 0.93, 0.95, 0.92, 0.91, 0.94, 0.9, 0.93, 0.92, 0.95)


@pytest.mark.parametrize(
    ("dice", "level", "words"),
    [
        (GOOD, "good", "Good enough for images like these"),
        (GOOD[:4], "fair", "not certain yet"),
        ((*GOOD, 0.5, 0.5), "fair", "2 of 12 need correction"),
        ([score - 0.12 for score in GOOD], "fair", "Good enough as a start"),
        ([score - 0.4 for score in GOOD], "poor", "found in part only"),
        ([score - 0.51 for score in GOOD], "poor", "a plain threshold"),
    ],
)
def test_levels(tmp_path: Path, dice: list[float], level: str, words: str) -> None:
    verdict = judge(Results(auto_folder(tmp_path / "out", names=["cell"], dice=dice)))
    assert verdict.level == level and words in verdict.sentence


def test_the_weakest_class_decides(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", dice=GOOD)
    path = out / "run" / "evaluation" / "metrics.json"
    metrics = json.loads(path.read_text())
    for case in metrics["cases"]:
        case["dsc_border"] = 0.1
    path.write_text(json.dumps(metrics))
    verdict = judge(Results(out))
    assert verdict.level == "poor" and "border is not found" in verdict.sentence


def test_folds_that_disagree_are_not_certain(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", dice=GOOD, folds=2)
    assert judge(Results(out)).level == "good"
    path = out / "folds" / "fold_1" / "evaluation" / "metrics.json"
    metrics = json.loads(path.read_text())
    for case in metrics["cases"]:
        case |= dict.fromkeys(("dsc", "dsc_inside", "dsc_border"), 0.8)
    path.write_text(json.dumps(metrics))
    verdict = judge(Results(out))
    assert verdict.level == "fair" and any("folds disagree" in reason for reason in verdict.reasons)


def test_every_score_has_words() -> None:
    assert words_for(0.0) == "not usable yet" and words_for(1.0).startswith("close to")


def test_the_interval_holds_the_mean_in_95_of_100() -> None:
    generator = np.random.default_rng(0)
    bounds = [interval([*generator.normal(0.7, 0.05, 6)]) for _ in range(2000)]
    held = sum(low <= 0.7 <= high for low, high in (found for found in bounds if found))
    assert 0.93 < held / 2000 < 0.97
    assert interval([0.5, 0.6]) is None
