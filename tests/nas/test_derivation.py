"""The rule of DARTS against a search over all choices."""

import itertools

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_lwmisn.nas import derive
from monai_lwmisn.networks import Edge
from tests.nas.tables import SPACE, free_edges, made_table, probabilities

TABLE = made_table()
SEEDS = st.integers(0, 2**31)


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
