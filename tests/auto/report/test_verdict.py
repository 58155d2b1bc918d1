"""The verdict follows from the scores, the threshold, the weakest class and the folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_lwmisn.auto.report.results import Results
from monai_lwmisn.auto.report.verdict import interval, judge
from monai_lwmisn.auto.scores import words_for
from tests.auto.report.folder import auto_folder, change_metrics

GOOD = (0.9, 0.93, 0.95, 0.92, 0.91, 0.94, 0.9, 0.93, 0.92, 0.95)


@pytest.mark.parametrize(
    ("dice", "level", "words"),
    [
        (GOOD, "good", "Good enough for images like these"),
        (GOOD[:4], "fair", "not certain yet"),
        ((*GOOD, 0.5, 0.5), "fair", "2 of 12 need correction"),
        ([score - 0.12 for score in GOOD], "fair", "Good enough as a start"),
        ([score - 0.4 for score in GOOD], "poor", "found in part only"),
        ([score - 0.51 for score in GOOD], "poor", "a plain threshold of the brightness does as well"),
        ([score - 0.56 for score in GOOD], "poor", "a plain threshold of the brightness is better"),
        ([score - 0.9 + 0.001 for score in GOOD], "poor", "a plain threshold of the brightness is far better"),
    ],
)
def test_levels(tmp_path: Path, dice: list[float], level: str, words: str) -> None:
    verdict = judge(Results(auto_folder(tmp_path / "out", names=["cell"], dice=dice)))
    assert verdict.level == level and words in verdict.sentence


def test_the_weakest_class_decides(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", dice=GOOD)
    change_metrics(out, dsc_border=0.1)
    verdict = judge(Results(out))
    assert verdict.level == "poor" and "border is not found" in verdict.sentence


def test_folds_that_disagree_are_not_certain(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", dice=GOOD, folds=2)
    assert judge(Results(out)).level == "good"
    change_metrics(out / "folds" / "fold_1", dsc=0.8, dsc_inside=0.8, dsc_border=0.8)
    verdict = judge(Results(out))
    assert verdict.level == "fair" and any("folds disagree" in reason for reason in verdict.reasons)


def test_folds_that_fail_alike_are_not_praised(tmp_path: Path) -> None:
    reasons = judge(Results(auto_folder(tmp_path / "out", dice=(0.01, 0.0, 0.02), folds=5))).reasons
    folds = next(reason for reason in reasons if "folds" in reason)
    assert "5 folds fail alike" in folds and "agree" not in folds and "hardly matters" not in folds


def test_a_poor_network_has_remedies(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", names=["cell"], dice=(0.0, 0.01))
    remedy = next(reason for reason in judge(Results(out)).reasons if "may help" in reason)
    assert all(words in remedy for words in ("`--time`", "`--normal`", "more labels", "`--set train.start=null`"))
    (out / "plan.json").unlink()
    assert not any("train.start" in reason for reason in judge(Results(out)).reasons)
    good = judge(Results(auto_folder(tmp_path / "good", names=["cell"], dice=GOOD)))
    assert not any("may help" in reason for reason in good.reasons)


@pytest.mark.parametrize(
    ("f1", "level", "words"),
    [(0.9, "good", "Good enough for images like these"), (0.8, "fair", "as a start"), (0.5, "fair", "not for counts")],
)
def test_objects_that_are_not_told_apart_lower_the_verdict(tmp_path: Path, f1: float, level: str, words: str) -> None:
    out = auto_folder(tmp_path / "out", names=["cell"], dice=GOOD)
    change_metrics(out, f1_50=f1, aji=0.61)
    verdict = judge(Results(out))
    assert verdict.level == level and words in verdict.sentence
    assert any(f"an F1 of {f1:.2f}" in reason and "(AJI) of 0.61" in reason for reason in verdict.reasons)


def test_every_score_has_words() -> None:
    assert words_for(0.0) == "not usable yet" and words_for(1.0).startswith("close to")


def test_the_interval_holds_the_mean_in_95_of_100() -> None:
    generator = np.random.default_rng(0)
    bounds = [interval([*generator.normal(0.7, 0.05, 6)]) for _ in range(2000)]
    held = sum(low <= 0.7 <= high for low, high in (found for found in bounds if found))
    assert 0.93 < held / 2000 < 0.97
    assert interval([0.5, 0.6]) is None
