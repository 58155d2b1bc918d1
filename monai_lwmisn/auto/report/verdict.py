"""Judges a network by its scores: a sentence that says what it is good for, and the facts it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import stats

from monai_lwmisn.auto.report.results import ClassScore, Results
from monai_lwmisn.auto.scores import WORDS, words_for
from monai_lwmisn.errors import counted

__all__ = ["Verdict", "interval", "judge"]

GOOD, FAIR, WEAK = (least for least, _ in WORDS[1:4])

ABOVE_BASELINE = 0.02
"""Dice by which a network must be above a plain threshold to be worth its while."""

FEW_CASES = 10
"""Below so many tested cases a verdict is provisional."""

MANY = 0.1
"""Share of cases with a low Dice above which the network is good enough for most images only."""

FAR_APART = 0.1
"""Dice between the best and the worst fold above which folds disagree."""


class Verdict(NamedTuple):
    """A judgement.

    Attributes:
        level: good, fair or poor.
        sentence: what the network is good for.
        reasons: what that rests on, and what to know.
    """

    level: str
    sentence: str
    reasons: list[str]


def interval(values: list[float]) -> tuple[float, float] | None:
    """Return where the mean of many such cases lies with 95 % confidence, by Student's t; None for under 3 values."""
    if len(values) < 3:
        return None
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    mean = float(np.mean(values))
    return max(0.0, mean - float(half)), min(1.0, mean + float(half))


def judge(results: Results) -> Verdict:
    """Judge the network by its tested cases, its weakest class, the threshold and the folds.

    Raises:
        LeftOut: it was not evaluated.
    """
    mean = float(np.mean(results.dice))
    known = [score for score in results.classes if score.dice is not None]
    weakest = min(known, key=lambda score: score.dice or 0.0) if known else None
    lowest = mean if weakest is None or weakest.dice is None else weakest.dice
    what = weakest.name if weakest is not None and len(known) > 1 else "what you labelled"
    reasons = list(_reasons(results, mean, weakest if len(known) > 1 else None))
    if results.baseline is not None and len(known) < 2 and mean < results.baseline + ABOVE_BASELINE:
        sentence = "Not good enough: a plain threshold of the brightness does as well."
        return Verdict("poor", sentence, reasons)
    if lowest < WEAK:
        return Verdict("poor", f"Not good enough: {what} is not found well enough to be of use.", reasons)
    if lowest < FAIR:
        return Verdict("poor", f"Not good enough yet: {what} is found in part only.", reasons)
    low = sum(value < FAIR for value in results.dice)
    if low > MANY * len(results.dice):
        sentence = f"Good enough for most images, but {low} of {len(results.dice)} need correction by hand."
        return Verdict("fair", sentence, reasons)
    if lowest < GOOD:
        return Verdict("fair", "Good enough as a start: look at each mask, and correct it by hand.", reasons)
    if len(results.dice) < FEW_CASES or _apart(results) > FAR_APART:
        return Verdict("fair", "It looks good enough (most outlines are right), but that is not certain yet.", reasons)
    return Verdict("good", "Good enough for images like these: most outlines need no correction.", reasons)


def _apart(results: Results) -> float:
    means = [mean for _, mean, _ in results.of_runs]
    return max(means) - min(means)


def _reasons(results: Results, mean: float, weakest: ClassScore | None) -> Iterator[str]:
    values = results.dice
    unit = "volume" if results.volumetric else "picture"
    yield f"The mean Dice is {mean:.2f} on {counted(len(values), unit)} that the training did not see."
    likely = interval(values)
    if likely is not None:
        yield f"On many more such {unit}s it would likely lie between {likely[0]:.2f} and {likely[1]:.2f}."
    if weakest is not None and weakest.dice is not None:
        yield f"The weakest class is {weakest.name}: Dice {weakest.dice:.2f}, {words_for(weakest.dice)}."
    low = sum(value < FAIR for value in values)
    if low:
        yield f"{low} of {counted(len(values), unit)} {'has' if low == 1 else 'have'} a Dice below {FAIR:g}."
    if results.baseline is not None:
        whole = ", for all classes together; it cannot tell them apart" if len(results.label_names) > 1 else ""
        yield f"A plain threshold of the brightness has a Dice of {results.baseline:.2f}{whole}."
    if len(results.of_runs) > 1:
        apart = _apart(results)
        agree = "agree" if apart <= FAR_APART else "disagree: the score depends on which images were trained on"
        yield f"The {len(results.of_runs)} folds {agree} (best and worst differ by {apart:.2f})."
    if len(values) < FEW_CASES:
        few = "is too few" if len(values) == 1 else "are too few"
        yield f"{counted(len(values), unit)} {few} to be sure: label more for the test."
    yield "All this holds for images from the same source. Test again before you use it on another scanner or stain."
