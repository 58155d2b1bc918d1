"""The rule of DARTS against a search over all choices, and budgets that are kept."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.networks import Edge, Genotype
from monai_lwmisn.networks.operations import PARAMETER_FREE
from monai_lwmisn.search import check_budget, derive, derive_within, draw_edges
from monai_lwmisn.search.discretise import Edges
from tests.search.assembly import ARCHITECTURE
from tests.search.tables import PARAMS, SPACE, made_table

TABLE = made_table()
SEEDS = st.integers(0, 2**31)
# Eight edges of the cheapest operation, of the cheapest that learns, and of the dearest.
LEAST, LEAST_LEARNING, MOST = 1000, 1000 + 6 * 296, 1000 + 8 * 2880


def probabilities(seed: int, groups: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.softmax(torch.randn(groups, 14, len(SPACE), generator=generator), dim=-1)


def free_edges(edges: Edges) -> int:
    return max(sum(edge.operation in PARAMETER_FREE for edge in cell) for cell in edges.values())


def is_cell(edges: Edges) -> bool:
    Genotype.complete(ARCHITECTURE, edges)
    return True


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS)
def test_each_node_keeps_its_two_strongest_edges_from_different_predecessors(seed: int) -> None:
    values = probabilities(seed)
    rows = [(node, predecessor) for node in range(4) for predecessor in range(2 + node)]
    expected = set()
    for node in range(4):
        choices = [
            (float(values[0, row, column]), Edge(*pair, name))
            for row, pair in enumerate(rows)
            for column, name in enumerate(SPACE)
            if pair[0] == node and name != "zero"
        ]
        pairs = [
            pair for pair in itertools.combinations(choices, 2) if pair[0][1].predecessor != pair[1][1].predecessor
        ]
        expected |= {edge for _, edge in max(pairs, key=lambda pair: pair[0][0] + pair[1][0])}
    derived = derive(values, TABLE)["all"]
    assert set(derived) == expected and list(derived) == sorted(derived)


def test_zero_is_never_kept_however_strong() -> None:
    values = torch.full((1, 14, len(SPACE)), 1e-4)
    values[..., SPACE.index("zero")] = 1
    assert "zero" not in {edge.operation for edge in derive(values, TABLE)["all"]}


def test_groups_are_derived_each_from_its_own_alpha() -> None:
    table, values = made_table(("encoder", "middle", "decoder")), probabilities(3, groups=3)
    edges = derive(values, table)
    assert list(edges) == ["encoder", "middle", "decoder"] and len(set(edges.values())) == 3
    for index, group in enumerate(edges):
        assert edges[group] == derive(values[index : index + 1], TABLE)["all"]


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, limit=st.integers(0, 8))
def test_at_most_so_many_edges_learn_nothing(seed: int, limit: int) -> None:
    values = probabilities(seed)
    values[..., [SPACE.index("identity"), SPACE.index("max_pool_3x3")]] *= 3
    free, limited = derive(values, TABLE), derive(values, TABLE, max_parameter_free=limit)
    assert free_edges(limited) == min(limit, free_edges(free))
    # The connections stay; only operations are exchanged.
    assert [edge[:2] for edge in limited["all"]] == [edge[:2] for edge in free["all"]]


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, limit=st.integers(LEAST_LEARNING, MOST))
def test_what_is_derived_keeps_any_budget_that_can_be_kept(seed: int, limit: int) -> None:
    values = probabilities(seed)
    edges = derive_within(values, TABLE, {"params": limit, "macs": None}, max_parameter_free=2)
    assert is_cell(edges)
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


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_random_networks_keep_the_budget_and_repeat_with_their_seed(seed: int) -> None:
    table = made_table(("encoder", "middle", "decoder"))
    budget = {"params": 25_000.0, "macs": None, "latency_ms": None}
    edges = draw_edges(table, seed, budget, max_parameter_free=2)
    assert is_cell(edges) and free_edges(edges) <= 2
    assert table.of(edges)["params"] <= 25_000
    assert draw_edges(table, seed, budget, max_parameter_free=2) == edges
    assert draw_edges(table, seed + 1, budget, max_parameter_free=2) != edges


def test_random_networks_keep_what_was_measured_where_the_table_is_wrong() -> None:
    rejected = []

    def measure(edges: Edges) -> dict[str, float]:
        rejected.append(edges)
        return {"latency_ms": 9.0 if len(rejected) < 3 else 1.0}

    edges = draw_edges(TABLE, 0, {"latency_ms": 5.0}, measure=measure)
    assert len(rejected) == 3 and edges == rejected[-1] and edges not in rejected[:-1]


def test_random_networks_use_all_operations_and_connections() -> None:
    drawn = [edge for seed in range(60) for edge in draw_edges(TABLE, seed, {})["all"]]
    assert {edge.operation for edge in drawn} == set(SPACE) - {"zero"}
    assert {edge[:2] for edge in drawn} == {(node, source) for node in range(4) for source in range(2 + node)}
    assert sum(edge.operation in PARAMS for edge in drawn) / len(drawn) == pytest.approx(5 / 7, abs=0.08)


def test_budgets_beyond_random_drawing_are_refused() -> None:
    with pytest.raises(BudgetError, match="the smallest has params"):
        draw_edges(TABLE, 0, {"params": LEAST - 1})
    with pytest.raises(BudgetError, match="None of 10000 random networks keeps the budget"):
        draw_edges(made_table(("encoder", "middle", "decoder")), 0, {"params": LEAST})
