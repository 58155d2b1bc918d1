"""Derives the strongest network that keeps a budget: by the rule of the paper, then by exchanges of single edges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.nas.costs import COSTS, CostTable
from monai_lwmisn.nas.derivation import Edges, Measure, derive
from monai_lwmisn.networks.genotype import PARAMETER_FREE, Edge, candidate_edges

UNITS = {"params": ("M", 1e6), "macs": ("G", 1e9), "latency_ms": ("ms", 1.0)}
UNMEASURABLE = (
    "A limit on the latency cannot be checked while other programs are using the processor: stop them and start the "
    "search again, or limit multiply-accumulates instead, as in --budget macs=0.5G."
)
_CORRECTIONS = 10
_ROUNDING = 1e-9


def derive_within(
    probabilities: torch.Tensor,
    table: CostTable,
    budget: Mapping[str, float | None],
    *,
    max_parameter_free: int | None = None,
    measure: Measure | None = None,
) -> Edges:
    """Derive the strongest network that keeps the budget.

    The start is the network of :func:`derive`. While it is over a limit, the exchange with the least loss of
    log-probability per saved cost is made. Then edges are exchanged for stronger ones as long as the limits allow.

    Args:
        probabilities: softmax of alpha, (groups, 14, candidates).
        table: the candidates and groups, and their costs.
        budget: limits by name of the cost; None or absent for no limit.
        max_parameter_free: as for :func:`derive`.
        measure: the true costs of edges. The sum over single operations is not exactly the latency of the whole
            network, so the latency of the table is corrected by the measured one until the network keeps the limit.

    Raises:
        BudgetError: when no network keeps the budget; it names the costs of the nearest.
    """
    limits = {name: limit for name, limit in budget.items() if limit is not None}
    if not limits:
        return derive(probabilities, table, max_parameter_free=max_parameter_free)
    exchange = _Exchange(probabilities, table, limits, max_parameter_free)
    nearest = exchange.run(dict.fromkeys(limits, 0.0))
    corrections = dict.fromkeys(limits, 1.0)
    for _ in range(_CORRECTIONS):
        corrected = {name: limit / corrections[name] for name, limit in limits.items()}
        edges = exchange.run(corrected)
        true, predicted = (table.of if measure is None else measure)(edges), table.of(edges)
        if _keeps(true, limits):
            return edges
        if not _keeps(predicted, corrected):
            break
        for name in limits:
            corrections[name] = max(corrections[name], 1.02 * true[name] / predicted[name])
    true = (table.of if measure is None else measure)(nearest)
    if _keeps(true, limits):
        return nearest
    raise BudgetError(_over_budget(true, limits))


def check_budget(table: CostTable, budget: Mapping[str, float | None], max_parameter_free: int | None) -> None:
    """Refuse a budget that no network keeps, before the search.

    Raises:
        BudgetError: naming the costs of the nearest network; or the budget limits the latency, which could not be
            measured.
    """
    if table.by_counts and budget.get("latency_ms") is not None:
        raise BudgetError(UNMEASURABLE)
    uniform = torch.ones(len(table.groups), len(candidate_edges()), len(table.operations))
    derive_within(uniform, table, budget, max_parameter_free=max_parameter_free)


class _Slot(NamedTuple):
    """A retained edge by its indices: group, row of alpha, operation."""

    group: int
    row: int
    operation: int


class _Exchange:
    """Exchanges single edges of the strongest network. Costs are shares of their limits, so that they add up."""

    def __init__(
        self,
        probabilities: torch.Tensor,
        table: CostTable,
        limits: Mapping[str, float],
        max_parameter_free: int | None,
    ) -> None:
        self.table, self.limits, self.max_parameter_free = table, limits, max_parameter_free
        self.strength = probabilities.double().log().tolist()
        scale = torch.tensor([limits[name] for name in limits], dtype=torch.float64)
        chosen = [COSTS.index(name) for name in limits]
        self.fixed = (table.fixed[chosen].double() / scale).tolist()
        self.costs = (table.per_operation[chosen].double() / scale[:, None, None]).permute(1, 2, 0).tolist()
        rows = candidate_edges()
        self.edges = rows
        self.start = [
            _Slot(index, rows.index(edge[:2]), table.operations.index(edge.operation))
            for index, cell in enumerate(derive(probabilities, table, max_parameter_free=max_parameter_free).values())
            for edge in cell
        ]

    def run(self, limits: Mapping[str, float]) -> Edges:
        """Find the strongest network within limits as tight as the budget or tighter, or else the nearest to them."""
        bounds = [limits[name] / self.limits[name] for name in self.limits]
        slots = list(self.start)
        while (step := self._saving(slots, bounds)) is not None:
            slots[step[0]] = step[1]
        # A network of the rule that fits is not changed.
        while slots != self.start and (step := self._gaining(slots, bounds)) is not None:
            slots[step[0]] = step[1]
        return {
            group: tuple(
                sorted(
                    Edge(*self.edges[slot.row], self.table.operations[slot.operation])
                    for slot in slots
                    if slot.group == index
                )
            )
            for index, group in enumerate(self.table.groups)
        }

    def _saving(self, slots: list[_Slot], bounds: list[float]) -> tuple[int, _Slot] | None:
        """Find the exchange that lowers the excess for the least loss of strength; None without an excess."""
        spent = self._spent(slots)
        excess = _excess(spent, bounds)
        best, step = float("inf"), None
        for place, slot in self._exchanges(slots) if excess > 0 else ():
            saved = excess - _excess(self._after(spent, slots[place], slot), bounds)
            if saved > _ROUNDING:
                loss = (self._strength(slots[place]) - self._strength(slot)) / saved
                if loss < best:
                    best, step = loss, (place, slot)
        return step

    def _gaining(self, slots: list[_Slot], bounds: list[float]) -> tuple[int, _Slot] | None:
        """Find the exchange for the strongest edge that causes no excess; None if there is none."""
        spent = self._spent(slots)
        best, step = _ROUNDING, None
        for place, slot in self._exchanges(slots):
            gain = self._strength(slot) - self._strength(slots[place])
            if gain > best and _excess(self._after(spent, slots[place], slot), bounds) <= 0:
                best, step = gain, (place, slot)
        return step

    def _exchanges(self, slots: list[_Slot]) -> Iterator[tuple[int, _Slot]]:
        """Every retained edge, with every edge for which it may be exchanged."""
        names = self.table.operations
        free = Counter(slot.group for slot in slots if names[slot.operation] in PARAMETER_FREE)
        for place, old in enumerate(slots):
            taken = {slot.row for slot in slots if slot.group == old.group} - {old.row}
            room = self.max_parameter_free is None or free[old.group] < self.max_parameter_free
            room = room or names[old.operation] in PARAMETER_FREE
            for row, (node, _) in enumerate(self.edges):
                if node != self.edges[old.row][0] or row in taken:
                    continue
                for operation, name in enumerate(names):
                    if name != "zero" and (room or name not in PARAMETER_FREE):
                        yield place, _Slot(old.group, row, operation)

    def _strength(self, slot: _Slot) -> float:
        return self.strength[slot.group][slot.row][slot.operation]

    def _spent(self, slots: list[_Slot]) -> list[float]:
        columns = zip(self.fixed, *(self.costs[slot.group][slot.operation] for slot in slots), strict=True)
        return [sum(column) for column in columns]

    def _after(self, spent: list[float], old: _Slot, new: _Slot) -> list[float]:
        before, after = self.costs[old.group][old.operation], self.costs[new.group][new.operation]
        return [total - gone + come for total, gone, come in zip(spent, before, after, strict=True)]


def _excess(spent: list[float], bounds: list[float]) -> float:
    return sum(max(0.0, total - bound - _ROUNDING) for total, bound in zip(spent, bounds, strict=True))


def _keeps(costs: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    return all(costs[name] <= limit for name, limit in limits.items())


def _over_budget(costs: Mapping[str, float], limits: Mapping[str, float]) -> str:
    def text(values: Mapping[str, float]) -> str:
        parts = []
        for name in limits:
            unit, scale = UNITS[name]
            parts.append(f"{name.removesuffix('_ms')}={values[name] / scale:.4g}{unit}")
        return ", ".join(parts)

    return (
        f"No network in this search space keeps the budget {text(limits)}: the smallest has {text(costs)}; "
        "raise the budget, or lower architecture.node_width or architecture.cells."
    )
