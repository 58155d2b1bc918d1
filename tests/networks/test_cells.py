"""Cells against a re-computation by hand from their edges."""

import pytest
import torch
from hypothesis import given, settings
from torch.nn import functional

from monai_lwmisn.networks import SEARCH_SPACES, Edge
from monai_lwmisn.networks.blocks import ACTIVATION, NORMALISATION, Alignment
from monai_lwmisn.networks.cells import Cell, MixedOperation, make_operation
from tests.networks.strategies import cell_edges

LWMISN_SPACE = SEARCH_SPACES["lwmisn"]


@settings(deadline=None, max_examples=25)
@given(edges=cell_edges())
def test_a_cell_sums_two_edges_per_node_and_concatenates_the_nodes(edges: tuple[Edge, ...]) -> None:
    torch.manual_seed(0)
    cell = Cell((3, 5), 4, 0.5, edges, ("relu", {}), NORMALISATION).eval()
    prev_prev, prev = torch.randn(2, 3, 13, 9), torch.randn(2, 5, 7, 5)
    # Where two orders of rows must mean the same, the k-th smallest row belongs to the k-th operation.
    operation_of = dict(zip(sorted(edges), cell.operations, strict=True))
    states = {0: cell.prev_prev(prev_prev, prev), 1: cell.prev(prev, prev)}
    for node in range(4):
        first, second = (edge for edge in edges if edge.node == node)
        states[2 + node] = operation_of[first](states[first.predecessor]) + operation_of[second](
            states[second.predecessor]
        )
    expected = torch.cat([states[index] for index in (2, 3, 4, 5)], dim=1)
    result = cell(prev_prev, prev)
    assert result.shape == (2, 16, 7, 5)
    torch.testing.assert_close(result, expected)


def test_an_input_of_twice_the_size_is_averaged_and_one_of_half_interpolated() -> None:
    x = torch.rand(1, 3, 6, 4)
    shrink, enlarge = (Alignment(3, 2, scale, ("relu", {}), NORMALISATION).eval() for scale in (0.5, 2.0))
    means = x.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(-2, -1))
    torch.testing.assert_close(shrink(x, torch.empty(1, 1, 3, 2)), shrink.project(means))
    larger = functional.interpolate(enlarge.project(x), size=(12, 8), mode="bilinear")
    torch.testing.assert_close(enlarge(x, torch.empty(1, 1, 11, 7)), larger[..., :11, :7])


@pytest.mark.parametrize(("share", "mixed"), [(1.0, 8), (0.25, 2), (0.3, 2), (0.01, 1)])
def test_a_mixture_is_the_weighted_sum_over_a_share_of_the_channels(share: float, mixed: int) -> None:
    torch.manual_seed(0)
    mixture = MixedOperation(8, LWMISN_SPACE, ACTIVATION, NORMALISATION, 0.0, share).eval()
    x, weights = torch.randn(2, 8, 6, 6), torch.rand(len(LWMISN_SPACE))
    assert mixture.mixed_channels == mixed
    computed = sum(w * operation(x[:, :mixed]) for w, operation in zip(weights, mixture.operations, strict=True))
    together = torch.cat([computed, x[:, mixed:]], dim=1)  # type: ignore[list-item]
    # PC-DARTS mixes the channels that were computed among those that pass by.
    groups = 8 // mixed
    order = [group * mixed + member for member in range(mixed) for group in range(groups)]
    torch.testing.assert_close(mixture(x, weights), together[:, order])


def test_three_quarters_of_the_channels_pass_a_partial_mixture_unchanged() -> None:
    mixture = MixedOperation(16, LWMISN_SPACE, ACTIVATION, NORMALISATION, 0.0, 0.25).eval()
    x = torch.randn(1, 16, 5, 5)
    result = mixture(x, torch.full((8,), 1 / 8))
    unchanged = {index for index in range(16) for channel in result[0] if torch.equal(channel, x[0, index])}
    assert unchanged == set(range(4, 16))


def test_only_operations_that_compute_are_dropped_and_only_while_training() -> None:
    torch.manual_seed(0)
    x = torch.rand(64, 4, 3, 3) + 1
    pool = make_operation("max_pool_3x3", 4, ACTIVATION, NORMALISATION, drop_path=0.5)
    dropped = (pool.train()(x).flatten(1) == 0).all(dim=1)
    assert 16 < dropped.sum() < 48
    assert (pool.eval()(x) > 0).all()
    for name, expected in (("identity", x), ("zero", torch.zeros_like(x))):
        operation = make_operation(name, 4, ACTIVATION, NORMALISATION, drop_path=0.5)
        assert torch.equal(operation.train()(x), expected)
