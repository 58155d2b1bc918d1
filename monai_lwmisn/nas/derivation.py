"""Derives edges from alpha: the DARTS rule of the paper (section 2.3), with a limit against collapse."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

from monai_lwmisn.nas.costs import CostTable
from monai_lwmisn.networks.genotype import EDGES_PER_NODE, NODES, PARAMETER_FREE, Edge, candidate_edges

Edges = dict[str, tuple[Edge, ...]]
Measure = Callable[[Edges], Mapping[str, float]]
"""Returns the true costs, by name, of a network with given edges."""


def derive(
    probabilities: torch.Tensor,
    table: CostTable,
    *,
    max_parameter_free: int | None = None,
) -> Edges:
    """Keep, for each node, the two strongest (predecessor, operation) pairs from two different predecessors.

    Args:
        probabilities: softmax of alpha, (groups, 14, candidates). Zero is never kept.
        table: the candidates and groups.
        max_parameter_free: how many of the eight edges of a cell may have no parameters (identity, pooling). Of more,
            the weakest take their strongest operation with parameters. None is the published rule.
    """
    return {
        group: _derive_cell(probabilities[index].double().log(), table.operations, max_parameter_free)
        for index, group in enumerate(table.groups)
    }


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
        # The edges that lose least are changed first.
        free.sort(key=lambda row: float(scores[row].max() - learning[row].max()))
        for row in free[: max(0, len(free) - max_parameter_free)]:
            choices[row] = int(learning[row].argmax())
    return tuple(Edge(*rows[row], operations[choices[row]]) for row in sorted(retained))
