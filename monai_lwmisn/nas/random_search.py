"""Random genotypes from the search space: the control that any search has to beat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.nas.budget import check_budget
from monai_lwmisn.nas.costs import CostTable
from monai_lwmisn.nas.derivation import Edges, Measure
from monai_lwmisn.networks.genotype import EDGES_PER_NODE, INPUTS, NODES, PARAMETER_FREE, Edge

ATTEMPTS = 10_000


def draw_edges(
    table: CostTable,
    seed: int,
    budget: Mapping[str, float | None],
    *,
    max_parameter_free: int | None = None,
    measure: Measure | None = None,
) -> Edges:
    """Draw edges uniformly: two different predecessors for each node, any operation but Zero on each.

    Args:
        table: the candidates and groups, and what they cost.
        seed: the same seed draws the same edges.
        budget: limits by name of the cost, as for the search; what does not fit is drawn again.
        max_parameter_free: as for the search.
        measure: the true costs of edges, as for the search.

    Raises:
        BudgetError: when no network keeps the budget, or none was drawn that does.
    """
    check_budget(table, budget, max_parameter_free)
    random = np.random.default_rng(seed)
    operations = [name for name in table.operations if name != "zero"]
    for _ in range(ATTEMPTS):
        edges = {group: _draw_cell(random, operations) for group in table.groups}
        free = max(sum(edge.operation in PARAMETER_FREE for edge in cell) for cell in edges.values())
        if max_parameter_free is not None and free > max_parameter_free:
            continue
        if _keeps(table.of(edges), budget) and (measure is None or _keeps(measure(edges), budget)):
            return edges
    raise BudgetError(
        f"None of {ATTEMPTS} random networks keeps the budget: widen it, or search with --strategy differentiable."
    )


def _keeps(costs: Mapping[str, float], budget: Mapping[str, float | None]) -> bool:
    return all(limit is None or costs[name] <= limit for name, limit in budget.items())


def _draw_cell(random: np.random.Generator, operations: list[str]) -> tuple[Edge, ...]:
    return tuple(
        Edge(node, int(predecessor), str(random.choice(operations)))
        for node in range(NODES)
        for predecessor in sorted(random.choice(INPUTS + node, EDGES_PER_NODE, replace=False))
    )
