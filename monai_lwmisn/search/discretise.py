"""From alpha to a genotype: the DARTS rule of the paper (section 2.3), inside a budget and a limit against collapse."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.networks.genotype import EDGES_PER_NODE, NODES, Edge, candidate_edges
from monai_lwmisn.networks.operations import PARAMETER_FREE

from .costs import COSTS, CostTable

Edges = dict[str, tuple[Edge, ...]]
Measure = Callable[[Edges], Mapping[str, float]]
"""The true costs, by name, of a network with these edges."""

UNITS = {"params": ("M", 1e6), "macs": ("G", 1e9), "latency_ms": ("ms", 1.0)}
_HEAVIEST = 1e6
_BISECTIONS = 30


def derive(
    probabilities: torch.Tensor,
    table: CostTable,
    *,
    max_parameter_free: int | None = None,
    multipliers: torch.Tensor | None = None,
) -> Edges:
    """Keep, for each node, the two strongest (predecessor, operation) pairs from two different predecessors.

    Args:
        probabilities: softmax of alpha, (groups, 14, candidates). Zero is never kept.
        table: the candidates and groups, and what they cost.
        max_parameter_free: how many of the eight edges of a cell may learn nothing (identity, pooling); beyond that the
            weakest such edges take their strongest operation that learns. None is the published rule.
        multipliers: (3,), how much log-probability one unit of each cost is worth; None for the published rule.
    """
    prices = torch.zeros(len(COSTS)) if multipliers is None else multipliers
    costs = torch.einsum("c,cgo->go", prices.to(table.per_operation), table.per_operation)
    edges: Edges = {}
    for index, group in enumerate(table.groups):
        scores = probabilities[index].double().log() - costs[index]
        edges[group] = _derive_cell(scores, table.operations, max_parameter_free)
    return edges


def _derive_cell(scores: torch.Tensor, operations: tuple[str, ...], max_parameter_free: int | None) -> tuple[Edge, ...]:
    scores = scores.clone()
    if "zero" in operations:
        scores[:, operations.index("zero")] = -math.inf
    rows = candidate_edges()
    retained: list[int] = []
    for node in range(NODES):
        incoming = [row for row, (target, _) in enumerate(rows) if target == node]
        retained += sorted(incoming, key=lambda row: -float(scores[row].max()))[:EDGES_PER_NODE]

    choices = {row: int(scores[row].argmax()) for row in retained}
    if max_parameter_free is not None:
        learning = scores.clone()
        learning[:, [i for i, name in enumerate(operations) if name in PARAMETER_FREE]] = -math.inf
        free = [row for row in retained if operations[choices[row]] in PARAMETER_FREE]
        # Those go first that lose least.
        free.sort(key=lambda row: float(scores[row].max() - learning[row].max()))
        for row in free[: max(0, len(free) - max_parameter_free)]:
            choices[row] = int(learning[row].argmax())
    return tuple(Edge(*rows[row], operations[choices[row]]) for row in sorted(retained))


def derive_within(
    probabilities: torch.Tensor,
    table: CostTable,
    budget: Mapping[str, float | None],
    *,
    max_parameter_free: int | None = None,
    measure: Measure | None = None,
) -> Edges:
    """The strongest network by :func:`derive` that keeps the budget.

    Every cost has a price, in proportion to its limit; the smallest price at which the network fits is found by
    bisection, so as little strength as possible is given up.

    Args:
        budget: limits by name of the cost; None or absent for none.
        measure: the true costs of edges. Tables add up single operations and miss what a whole network does to a
            processor's caches, so the table's latency is corrected by what was measured until the network really fits.

    Raises:
        BudgetError: when even the cheapest network is over the budget; it names that network's costs.
    """
    limits = {name: limit for name, limit in budget.items() if limit is not None}
    corrections = dict.fromkeys(limits, 1.0)
    for _ in range(10):
        corrected = {name: limit / corrections[name] for name, limit in limits.items()}
        edges, fits = _derive_at_lowest_price(probabilities, table, corrected, max_parameter_free)
        predicted = table.of(edges)
        true = predicted if measure is None or not limits else measure(edges)
        if not fits:
            break
        if all(true[name] <= limit for name, limit in limits.items()):
            return edges
        for name in limits:
            corrections[name] = max(corrections[name], 1.02 * true[name] / predicted[name])
    raise BudgetError(_over_budget(true, limits))


def check_budget(table: CostTable, budget: Mapping[str, float | None], max_parameter_free: int | None) -> None:
    """Refuse, before any search, a budget that no network keeps.

    Raises:
        BudgetError: naming the costs of the cheapest network.
    """
    uniform = torch.ones(len(table.groups), len(candidate_edges()), len(table.operations))
    derive_within(uniform, table, budget, max_parameter_free=max_parameter_free)


def _derive_at_lowest_price(
    probabilities: torch.Tensor, table: CostTable, limits: Mapping[str, float], max_parameter_free: int | None
) -> tuple[Edges, bool]:
    """The strongest edges within the limits, or the cheapest of all, and whether they are within."""

    def at(price: float) -> Edges:
        multipliers = torch.tensor([price / limits[name] if name in limits else 0.0 for name in COSTS])
        return derive(probabilities, table, max_parameter_free=max_parameter_free, multipliers=multipliers)

    def fits(edges: Edges) -> bool:
        costs = table.of(edges)
        return all(costs[name] <= limit for name, limit in limits.items())

    if fits(at(0.0)):
        return at(0.0), True
    if not fits(at(_HEAVIEST)):
        return at(_HEAVIEST), False
    low, high = 1e-6, _HEAVIEST
    for _ in range(_BISECTIONS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if fits(at(middle)) else (middle, high)
    return at(high), True


def _over_budget(costs: Mapping[str, float], limits: Mapping[str, float]) -> str:
    def text(values: Mapping[str, float]) -> str:
        parts = []
        for name in limits:
            unit, scale = UNITS[name]
            parts.append(f"{name.removesuffix('_ms')}={values[name] / scale:.4g}{unit}")
        return ", ".join(parts)

    return (
        f"No network in this search space keeps the budget {text(limits)}: the smallest has {text(costs)}; "
        "allow that much, or lower node_width or the number of cells."
    )
