"""Reports whether alpha has decided: how much it prefers some candidates, and whether its choice is a good one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from monai_lwmisn.nas.costs import CostTable
from monai_lwmisn.nas.derivation import Edges, derive
from monai_lwmisn.nas.drawing import ATTEMPTS, draw_cells, keeps, learns_enough
from monai_lwmisn.networks import Supernet

RANDOM_PATHS = 40
"""Random networks with which the derived one is compared in the supernet."""

JUDGING_BATCHES = 10
"""Batches of the validation part on which they are."""

MOST_ENTROPY = 0.98
"""Share of ln n from which on the weights of n candidates count as equal.

At n = 7 it is where, on a mean edge, one candidate is twice as probable as each of the others.
"""

CHANCE = 0.05
"""Probability that a random path is as good among the random ones, above which a derived one counts as no better."""

Batches = Sequence[tuple[torch.Tensor, torch.Tensor]]


def report_alpha(strengths: torch.Tensor, edges: Edges, table: CostTable, max_parameter_free: int | None) -> dict:
    """Describe alpha, and what became of its choice.

    Args:
        strengths: see :meth:`~monai_lwmisn.networks.Supernet.strengths`.
        edges: what was derived in the end.
        table: the candidates and groups.
        max_parameter_free: see :func:`~monai_lwmisn.nas.derivation.derive`.

    Returns:
        ``candidates``, their number n; ``entropy``, the mean over the edges in nats, and ``even_entropy``, that of
        equal weights (ln n); ``median_ratio`` of the two most probable candidates of an edge; ``edges``, their number;
        ``changed_by_cap`` and ``changed_by_budget``, how many of the edges that the strengths alone would give were
        changed.
    """
    probabilities = strengths / strengths.sum(dim=-1, keepdim=True)
    strongest = probabilities.topk(2, dim=-1).values
    plain, capped = derive(strengths, table), derive(strengths, table, max_parameter_free=max_parameter_free)
    return {
        "candidates": len(table.operations),
        "entropy": float(torch.special.entr(probabilities).sum(dim=-1).mean()),
        "even_entropy": math.log(len(table.operations)),
        "median_ratio": float((strongest[..., 0] / strongest[..., 1]).median()),
        "edges": sum(map(len, edges.values())),
        "changed_by_cap": _changed(plain, capped),
        "changed_by_budget": _changed(capped, edges),
    }


def random_paths(
    table: CostTable, budget: Mapping[str, float | None], max_parameter_free: int | None, seed: int
) -> list[Edges]:
    """Draw up to ``RANDOM_PATHS`` networks of a supernet under the limits that the derived one is under."""
    draws = islice(draw_cells(seed, table.groups, table.operations), ATTEMPTS)
    fit = (edges for edges in draws if learns_enough(edges, max_parameter_free) and keeps(table.of(edges), budget))
    return list(islice(fit, RANDOM_PATHS))


@torch.no_grad()
def path_losses(
    supernet: Supernet,
    paths: Iterable[Edges],
    batches: Batches,
    loss_function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> list[float]:
    """Return the mean loss of each path of a supernet, with the weights that all paths share.

    Batch normalisation uses the statistics of each batch, because the running ones are of no single path.
    """
    supernet.eval()
    for module in supernet.modules():
        if isinstance(module, _BatchNorm):
            module.train()
    losses = []
    for edges in paths:
        supernet.follow(edges)
        losses.append(sum(float(loss_function(supernet(images), labels)) for images, labels in batches) / len(batches))
    supernet.follow(None)
    return losses


def compare_paths(losses: Sequence[float]) -> dict[str, Any]:
    """Compare the loss of the derived path, the first, with those of random ones.

    Returns:
        ``random_paths``, their number; ``percentile``, the share in % that the derived one is better than; ``chance``,
        the probability that a random path would be among the random ones where the derived one is, or better.
    """
    derived, others = losses[0], losses[1:]
    better = sum(loss <= derived for loss in others)
    percentile = 100 * (1 - better / len(others)) if others else None
    return {"random_paths": len(others), "percentile": percentile, "chance": (1 + better) / len(losses)}


def sentences(report: Mapping[str, Any]) -> list[str]:
    """Say a report in words."""
    found = [
        f"Alpha: mean entropy {report['entropy']:.3f}, and {report['even_entropy']:.3f} (ln {report['candidates']}) "
        f"where no operation is preferred; median of the two most probable operations of an edge: "
        f"{report['median_ratio']:.2f} to 1.",
        f"Of {report['edges']} edges, search.max_parameter_free changed {report['changed_by_cap']} and the budget "
        f"{report['changed_by_budget']}.",
    ]
    if report["percentile"] is not None:
        found.append(
            f"With the weights of the supernet, the derived network is better than {report['percentile']:.0f} % of "
            f"{report['random_paths']} random ones on the validation part."
        )
    return found


def doubt(report: Mapping[str, Any]) -> str | None:
    """The sentence of a search whose alpha has not decided; None where it has."""
    share = report["entropy"] / report["even_entropy"]
    reasons = []
    if share > MOST_ENTROPY:
        reasons.append(f"its entropy is {100 * share:.1f} % of that of equal weights")
    if report["chance"] > CHANCE:
        reasons.append(f"the derived network is not clearly better than random ones (p = {report['chance']:.2f})")
    if not reasons:
        return None
    return (
        f"Alpha has not decided, because {' and '.join(reasons)}: search longer, with a larger search.epochs or "
        "search.alpha_seeds, or with search.strategy=evolve."
    )


def _changed(before: Edges, after: Edges) -> int:
    return sum(len(set(before[group]) - set(after[group])) for group in before)
