"""Judges a network by its scores: a sentence that says what it is good for, and the facts it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import stats

from monai_lwmisn.auto.report.results import ClassScore, Results
from monai_lwmisn.auto.scores import WORDS, objects_words, words_for
from monai_lwmisn.errors import counted

__all__ = ["FEW_CASES", "Verdict", "agreement", "interval", "judge"]

GOOD, FAIR, WEAK = (least for least, _ in WORDS[1:4])

ABOVE_BASELINE = 0.02
"""Dice by which a network must be above a plain threshold to be worth its while."""

FAR_ABOVE = 0.1
"""Dice by which a threshold must be above a network to be far better."""

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
    """Judge the network by its tested cases, its weakest class, its objects, the threshold and the folds.

    Raises:
        LeftOut: it was not evaluated.
    """
    mean, weakest = float(np.mean(results.dice)), _weakest(results)
    level, sentence = _judgement(results, mean, weakest)
    reasons = [*_reasons(results, mean, weakest)]
    if level == "poor":
        random = ", random weights at the start (`--set train.start=null`)" if results.weights_given else ""
        time = "more time (`--time`, or `--normal` after `--quick`)"
        reasons.insert(0, f"What may help, with a new `-o`: {time}{random}, more labels.")
    return Verdict(level, sentence, reasons)


def _weakest(results: Results) -> ClassScore | None:
    """The class with the lowest score; None where there is only one."""
    known = [score for score in results.classes if score.dice is not None]
    return min(known, key=lambda score: score.dice or 0.0) if len(known) > 1 else None


def _judgement(results: Results, mean: float, weakest: ClassScore | None) -> tuple[str, str]:
    lowest = mean if weakest is None or weakest.dice is None else weakest.dice
    what = "what you labelled" if weakest is None else weakest.name
    if results.baseline is not None and weakest is None and mean < results.baseline + ABOVE_BASELINE:
        above = results.baseline - mean
        how = "is far better" if above > FAR_ABOVE else "is better" if above > ABOVE_BASELINE else "does as well"
        return "poor", f"Not good enough: a plain threshold of the brightness {how}."
    if lowest < WEAK:
        return "poor", f"Not good enough: {what} is not found well enough to be of use."
    if lowest < FAIR:
        return "poor", f"Not good enough yet: {what} is found in part only."
    f1 = 1.0 if results.objects is None else results.objects["f1_50"]
    if f1 < FAIR:
        return "fair", "Good enough for areas, but not for counts: many objects are missed, joined or split."
    low = sum(value < FAIR for value in results.dice)
    if low > MANY * len(results.dice):
        return "fair", f"Good enough for most images, but {low} of {len(results.dice)} need correction by hand."
    if min(lowest, f1) < GOOD:
        return "fair", "Good enough as a start: look at each mask, and correct it by hand."
    if len(results.dice) < FEW_CASES or _apart(results) > FAR_APART:
        return "fair", "It looks good enough (most outlines are right), but that is not certain yet."
    return "good", "Good enough for images like these: most outlines need no correction."


def agreement(results: Results) -> str:
    """Say whether the folds agree, and on what."""
    apart = _apart(results)
    if apart > FAR_APART:
        how, why = "disagree", "the score depends on which images were trained on, and more labels would likely help"
    elif max(mean for _, mean, _ in results.of_runs) < WEAK:
        how, why = "fail alike", "no network is of use, whichever images it was trained on"
    else:
        how, why = "agree", "it hardly matters which images were trained on"
    return f"The {len(results.of_runs)} folds {how} (best and worst differ by {apart:.2f}): {why}."


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
    if results.objects is not None:
        yield objects_words(results.objects)
    low = sum(value < FAIR for value in values)
    if low:
        yield f"{low} of {counted(len(values), unit)} {'has' if low == 1 else 'have'} a Dice below {FAIR:g}."
    if results.baseline is not None:
        whole = ", for all classes together; it cannot tell them apart" if len(results.label_names) > 1 else ""
        yield f"A plain threshold of the brightness has a Dice of {results.baseline:.2f}{whole}."
    if len(results.of_runs) > 1:
        yield agreement(results)
    if len(values) < FEW_CASES:
        few = "is too few" if len(values) == 1 else "are too few"
        yield f"{counted(len(values), unit)} {few} to be sure: label more for the test."
    yield "All this holds for images from the same source. Test again before you use it on another scanner or stain."
