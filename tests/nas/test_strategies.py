"""Random networks: all of the space, within the budget, the same for the same seed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.nas import draw_edges
from monai_lwmisn.nas.derivation import Edges
from tests.nas.tables import LEAST, PARAMS, SPACE, free_edges, is_network, made_table

TABLE = made_table()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_random_networks_keep_the_budget_and_repeat_with_their_seed(seed: int) -> None:
    table = made_table(("encoder", "middle", "decoder"))
    budget = {"params": 25_000.0, "macs": None, "latency_ms": None}
    edges = draw_edges(table, seed, budget, max_parameter_free=2)
    assert is_network(edges) and free_edges(edges) <= 2
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
