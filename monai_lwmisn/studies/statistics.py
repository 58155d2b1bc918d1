"""Statistics of a comparison: paired tests against one network, and the Pareto front of cost and accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import wilcoxon


def paired_tests(scores: Mapping[str, Sequence[float]], reference: str) -> dict[str, float]:
    """Wilcoxon's signed-rank test of each network against ``reference`` over the same cases, Holm-corrected.

    Args:
        scores: scores of each network, in the same order of cases. A pair with a NaN is left out.
        reference: the network that the others are tested against.

    Returns:
        The corrected two-sided p-value of each of the others.
    """
    own = np.asarray(scores[reference], dtype=float)
    values = {
        name: _signed_rank(np.asarray(others, dtype=float) - own)
        for name, others in scores.items()
        if name != reference
    }
    return holm(values)


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction of p-values (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(values, key=lambda name: values[name])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[name]))
        corrected[name] = largest
    return corrected


def pareto_front(costs: Mapping[str, float], scores: Mapping[str, float]) -> list[str]:
    """The networks that no other network dominates, cheapest first.

    A network dominates another if it is at least as good in cost and score, and better in one of them.
    """
    ordered = sorted(costs, key=lambda name: (costs[name], -scores[name]))
    front: list[str] = []
    for name in ordered:
        as_good = front and (costs[name], scores[name]) == (costs[front[-1]], scores[front[-1]])
        if not front or as_good or scores[name] > scores[front[-1]]:
            front.append(name)
    return front


def _signed_rank(differences: np.ndarray) -> float:
    differences = differences[np.isfinite(differences)]
    if not differences.any():
        return 1.0
    return float(wilcoxon(differences).pvalue)
