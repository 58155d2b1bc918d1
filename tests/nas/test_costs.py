"""The table of costs adds up to the costs of true networks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_lwmisn.nas import CostTable, measure_costs
from monai_lwmisn.nas.costs import Parts
from monai_lwmisn.networks import LWMISN, SEARCH_SPACES, Architecture, Edge, Genotype
from monai_lwmisn.profiling import example_image, multiply_accumulates, parameter_count
from tests.networks.strategies import STAGES, cell_edges

SPACE = SEARCH_SPACES["lwmisn"]
SHAPES = {
    "u": Architecture(
        cells={"encoder": 2, "middle": 1, "decoder": 2},
        node_width=(4, 6, 5),
        stem_stride=2,
        in_channels=3,
        out_channels=1,
    ),
    "contrast": Architecture(
        cells={"encoder": 1, "middle": 1, "decoder": 1},
        node_width=(4, 8),
        in_channels=1,
        out_channels=3,
        topology="contrast",
    ),
}
TABLES = {name: measure_costs(shape, "lwmisn", "stages") for name, shape in SHAPES.items()}


@settings(deadline=None, max_examples=12)
@given(topology=st.sampled_from(sorted(SHAPES)), cells=st.tuples(*[cell_edges(SPACE)] * 3))
def test_the_table_counts_the_true_network_exactly(topology: str, cells: tuple[tuple[Edge, ...], ...]) -> None:
    edges = dict(zip(STAGES, cells, strict=True))
    genotype = Genotype(SHAPES[topology], edges)
    network = LWMISN(genotype).eval()
    assert TABLES[topology].of(edges) == {
        "params": parameter_count(network),
        "macs": multiply_accumulates(network, example_image(genotype.architecture.input_channels)),
        "latency_ms": 0,
    }


@settings(deadline=None, max_examples=20)
@given(cells=st.tuples(*[cell_edges(SPACE)] * 3))
def test_the_expectation_of_a_decided_supernet_is_the_cost_of_its_edges(cells: tuple[tuple[Edge, ...], ...]) -> None:
    table, edges = TABLES["u"], dict(zip(STAGES, cells, strict=True))
    # Zero on the edges that are not kept.
    weights = torch.zeros(3, 14, len(SPACE), dtype=torch.float64)
    rows = [(node, predecessor) for node in range(4) for predecessor in range(2 + node)]
    for group, cell in enumerate(cells):
        kept = {(edge.node, edge.predecessor): edge.operation for edge in cell}
        for row, pair in enumerate(rows):
            weights[group, row, SPACE.index(kept.get(pair, "zero"))] = 1
    assert table.expected(weights).tolist() == list(table.of(edges).values())


def test_the_expectation_is_linear_in_the_weights() -> None:
    table = TABLES["u"]
    first, second = torch.rand(2, 3, 14, len(SPACE), dtype=torch.float64)
    mixed = table.expected(0.3 * first + 0.7 * second)
    torch.testing.assert_close(mixed, 0.3 * table.expected(first) + 0.7 * table.expected(second))


def test_cells_that_are_all_alike_cost_the_sum_of_the_stages() -> None:
    shared = measure_costs(SHAPES["u"], SPACE, "shared")
    torch.testing.assert_close(shared.per_operation[:, 0], TABLES["u"].per_operation.sum(dim=1))
    assert torch.equal(shared.fixed, TABLES["u"].fixed)


def test_each_kind_of_place_is_timed_once_and_added_up() -> None:
    calls: list[tuple[str, tuple[int, ...]]] = []

    def latency(parts: Parts) -> dict[str, float]:
        calls.extend((key.rsplit(" ", 1)[0], tuple(image.shape[1:])) for key, (_, image) in parts.items())
        return dict.fromkeys(parts, 2.0)

    table = measure_costs(SHAPES["u"], SPACE, "stages", latency)
    assert len(calls) == len(set(calls))
    sizes = {shape for name, shape in calls if name == "ghost_conv_3x3"}
    assert sizes == {(4, 128, 128), (6, 64, 64), (5, 32, 32)}
    assert table.fixed[2] == 2
    milliseconds = table.per_operation[2]
    assert milliseconds[:, SPACE.index("max_pool_3x3")].tolist() == [4, 2, 4]
    assert milliseconds[:, [SPACE.index("identity"), SPACE.index("zero")]].sum() == 0


@pytest.mark.parametrize(
    ("used_by", "timed"),
    [
        (None, True),
        ([{"latency_ms": 0.0}, {"latency_ms": None}], False),
        ([{"params": 1.0}, {}], False),
        ([{"latency_ms": 0.1}, {"latency_ms": None}], True),
        ([{"latency_ms": 0.0}, {"latency_ms": 5.0}], True),
    ],
)
def test_latencies_are_measured_only_if_a_weight_or_limit_uses_them(
    used_by: list[dict[str, float | None]] | None, timed: bool
) -> None:
    table = measure_costs(
        SHAPES["u"], ["identity", "max_pool_3x3"], "shared", lambda parts: dict.fromkeys(parts, 2.0), used_by=used_by
    )
    assert bool(table.fixed[2] > 0) is bool(table.per_operation[2].any()) is timed


def test_counts_beyond_single_precision_stay_exact() -> None:
    table = CostTable(
        ("identity",), ("all",), torch.tensor([2.0**24 + 1, 0, 0], dtype=torch.float64), torch.zeros(3, 1, 1)
    )
    assert table.of({})["params"] == pytest.approx(2**24 + 1, abs=0)
