"""Budgets that are kept where they can be, by networks no weaker than they need to be."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.nas import CostTable, check_budget, derive, derive_within, draw_edges
from monai_lwmisn.nas.derivation import Edges
from tests.nas.tables import (
    LEAST,
    LEAST_LEARNING,
    MOST,
    SPACE,
    free_edges,
    is_network,
    made_table,
    probabilities,
)

TABLE = made_table()
SEEDS = st.integers(0, 2**31)


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, limit=st.integers(LEAST_LEARNING, MOST))
def test_what_is_derived_keeps_any_budget_that_can_be_kept(seed: int, limit: int) -> None:
    values = probabilities(seed)
    edges = derive_within(values, TABLE, {"params": limit, "macs": None}, max_parameter_free=2)
    assert is_network(edges)
    assert TABLE.of(edges)["params"] <= limit
    assert free_edges(edges) <= 2
    free = derive(values, TABLE, max_parameter_free=2)
    if TABLE.of(free)["params"] <= limit:
        assert edges == free


def test_a_tighter_budget_gives_up_strength() -> None:
    values = probabilities(1)

    def strength(edges: Edges) -> float:
        rows = [(node, predecessor) for node in range(4) for predecessor in range(2 + node)]
        return sum(float(values[0, rows.index(e[:2]), SPACE.index(e.operation)].log()) for e in edges["all"])

    limits = [MOST, 9000, 6000, 4000, LEAST_LEARNING]
    strengths = [strength(derive_within(values, TABLE, {"params": limit}, max_parameter_free=2)) for limit in limits]
    assert strengths == sorted(strengths, reverse=True) and strengths[0] > strengths[-1]


def test_what_was_measured_counts_where_the_table_is_wrong() -> None:
    values, table = probabilities(2), TABLE

    def measure(edges: Edges) -> dict[str, float]:
        costs = table.of(edges)
        return {**costs, "latency_ms": 1.5 * costs["latency_ms"]}

    limit = 0.75 * measure(derive(values, table))["latency_ms"]
    assert measure(derive_within(values, table, {"latency_ms": limit}))["latency_ms"] > limit
    assert measure(derive_within(values, table, {"latency_ms": limit}, measure=measure))["latency_ms"] <= limit
    with pytest.raises(BudgetError, match="latency=8ms"):
        derive_within(values, table, {"latency_ms": 8}, measure=lambda edges: {"latency_ms": 30.0})


@pytest.mark.parametrize(("max_parameter_free", "smallest"), [(None, LEAST), (2, LEAST_LEARNING), (0, LEAST + 8 * 296)])
def test_a_budget_that_no_network_keeps_names_the_smallest(max_parameter_free: int | None, smallest: int) -> None:
    check_budget(TABLE, {"params": smallest}, max_parameter_free)
    with pytest.raises(BudgetError, match=f"the smallest has params={smallest / 1e6:.4g}M"):
        check_budget(TABLE, {"params": smallest - 1, "macs": None}, max_parameter_free)


def test_without_limits_every_network_will_do() -> None:
    check_budget(TABLE, {"params": None}, None)
    values = probabilities(5)
    assert derive_within(values, TABLE, {}) == derive(values, TABLE)


def strength(values: torch.Tensor, edges: Edges) -> float:
    rows = [(node, predecessor) for node in range(4) for predecessor in range(2 + node)]
    return sum(float(values[0, rows.index(edge[:2]), SPACE.index(edge.operation)].log()) for edge in edges["all"])


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, share=st.floats(0.1, 0.9))
def test_nearly_nothing_is_given_up_in_vain(seed: int, share: float) -> None:
    """The relaxed problem, solved with a multiplier per unit of cost, bounds what any network can have.

    In 1,478 draws, most with a share under 0.3, the largest gap was 2.2: a single edge is then a large part of the
    cost. In 481 draws of wider limits it was 0.6. Networks of random edges are further away, by 4.9 at least in 100.
    """
    values = probabilities(seed)
    limit = LEAST + share * (MOST - LEAST)
    rows = [(node, predecessor) for node in range(4) for predecessor in range(2 + node)]
    costs = TABLE.per_operation[0, 0]

    def bound(multiplier: float) -> float:
        scores = values[0].double().log() - multiplier * costs
        scores[:, SPACE.index("zero")] = -torch.inf
        best = scores.max(dim=-1).values
        kept = (best[[row for row, pair in enumerate(rows) if pair[0] == node]].topk(2).values for node in range(4))
        return float(sum(part.sum() for part in kept)) + multiplier * (limit - 1000)

    ceiling = min(bound(multiplier) for multiplier in torch.logspace(-6, 1, 200).tolist())
    reached = strength(values, derive_within(values, TABLE, {"params": limit}))
    assert ceiling - (3.0 if share < 0.3 else 1.0) <= reached <= ceiling + 1e-6


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_two_limits_that_pull_apart_are_both_kept(seed: int) -> None:
    """What a network costs with a tenth to spare can be kept, for there is that network."""
    generator = torch.Generator().manual_seed(seed)
    costs = torch.rand(3, 1, len(SPACE), generator=generator, dtype=torch.float64)
    costs[:, :, [SPACE.index("zero"), SPACE.index("identity")]] = 0
    table = CostTable(SPACE, ("all",), torch.full((3,), 0.5, dtype=torch.float64), costs)
    existing = table.of(draw_edges(table, seed, {}, max_parameter_free=2))
    budget = {name: 1.1 * existing[name] for name in ("params", "latency_ms")}
    edges = derive_within(probabilities(seed), table, budget, max_parameter_free=2)
    assert is_network(edges) and free_edges(edges) <= 2
    assert all(table.of(edges)[name] <= limit for name, limit in budget.items())


def test_what_was_measured_once_too_slow_does_not_lose_the_network() -> None:
    """A first measurement disturbed by something else; the networks themselves keep the limit."""
    values, calls = probabilities(4), itertools.count()

    def measure(edges: Edges) -> dict[str, float]:
        return {"latency_ms": TABLE.of(edges)["latency_ms"] * (30 if next(calls) == 0 else 1)}

    limit = TABLE.of(derive(values, TABLE))["latency_ms"]
    assert is_network(derive_within(values, TABLE, {"latency_ms": limit}, measure=measure))
