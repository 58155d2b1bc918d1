"""Operations keep shapes, learn, and compute what their papers say."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch.nn import functional

from monai_lwmisn.networks import OPERATIONS, SEARCH_SPACES
from monai_lwmisn.networks.blocks import ACTIVATION, NORMALISATION
from monai_lwmisn.networks.genotype import OPERATION_NAMES, PARAMETER_FREE

LEARNING = sorted(set(OPERATIONS) - PARAMETER_FREE)


def make(name: str, channels: int, norm: object = NORMALISATION) -> torch.nn.Module:
    return OPERATIONS[name](channels, ACTIVATION, norm).eval()  # type: ignore[arg-type]


@st.composite
def inputs(draw: st.DrawFn) -> torch.Tensor:
    """(1 or 2, 1 to 40, 1 to 9, 1 to 9)."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=2, max_size=2))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    return torch.randn(draw(st.integers(1, 2)), draw(st.integers(1, 40)), *sizes, generator=generator)


@settings(deadline=None, max_examples=150)
@given(name=st.sampled_from(sorted(OPERATIONS)), x=inputs())
def test_any_operation_keeps_any_shape_and_passes_gradients_back(name: str, x: torch.Tensor) -> None:
    operation = make(name, x.shape[1])
    x.requires_grad_()
    result = operation(x)
    assert result.shape == x.shape
    assert torch.isfinite(result).all()
    if name != "zero":
        result.square().sum().backward()
        gradients = [x.grad, *(parameter.grad for parameter in operation.parameters())]
        assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", LEARNING)
def test_every_parameter_of_an_operation_that_learns_moves(name: str) -> None:
    torch.manual_seed(0)
    operation = make(name, 32).train()
    operation(torch.randn(2, 32, 7, 7)).square().sum().backward()
    for key, parameter in operation.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_have_as_many_parameters_as_their_formula_says(name: str) -> None:
    c, near, wide = 32, 3**2, 5**2
    normalised = 2  # scale and shift of a channel
    separable = {k: k * c + c * c + 2 * normalised * c for k in (near, wide)}
    squeeze, score = c * c // 2 + c // 2, c * c // 2 + c
    bottleneck, groups = c // 4, 4
    formulas = {
        "separable_conv_3x3": 2 * separable[near],
        "separable_conv_5x5": 2 * separable[wide],
        "dilated_conv_3x3": separable[near],
        "dilated_conv_5x5": separable[wide],
        "ghost_conv_3x3": (c + near + 2 * normalised) * c // 2,
        "selective_kernel_conv_3x3": 2 * (near + normalised) * c + squeeze + 2 * score,
        "conv_3x3": (near * c + normalised) * c,
        "conv_1x1": (c + normalised) * c,
        "shuffle_group_conv_3x3": 2 * c * bottleneck // groups + (near + 2 * normalised) * bottleneck + normalised * c,
    }
    parameters = sum(parameter.numel() for parameter in make(name, c).parameters())
    assert parameters == formulas.get(name, 0)


def ghost(x: torch.Tensor, primary: torch.Tensor, cheap: torch.Tensor) -> torch.Tensor:
    half = functional.conv2d(x, primary).relu()
    return torch.cat([half, functional.conv2d(half, cheap, padding=1, groups=half.shape[1]).relu()], dim=1)


def selective_kernel(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    near, far, squeeze, squeeze_bias, near_score, near_bias, far_score, far_bias = weights
    channels = x.shape[1]
    branches = torch.stack(
        [
            functional.conv2d(x, near, padding=1, groups=channels).relu(),
            functional.conv2d(x, far, padding=2, dilation=2, groups=channels).relu(),
        ]
    )
    pooled = branches.sum(dim=0).mean(dim=(2, 3))
    squeezed = (pooled @ squeeze.flatten(1).T + squeeze_bias).relu()
    scores = torch.stack([squeezed @ near_score.flatten(1).T + near_bias, squeezed @ far_score.flatten(1).T + far_bias])
    return (scores.softmax(dim=0)[..., None, None] * branches).sum(dim=0)


def shuffle_group(x: torch.Tensor, reduce: torch.Tensor, depthwise: torch.Tensor, expand: torch.Tensor) -> torch.Tensor:
    reduced = functional.conv2d(x, reduce, groups=4).relu()
    # Channel (group, member) goes to (member, group).
    members = reduced.shape[1] // 4
    order = [group * members + member for member in range(members) for group in range(4)]
    spread = functional.conv2d(reduced[:, order], depthwise, padding=1, groups=len(order))
    return (x + functional.conv2d(spread, expand, groups=4)).relu()


def dilated(x: torch.Tensor, depthwise: torch.Tensor, pointwise: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(
        functional.conv2d(x, depthwise, padding=2, dilation=2, groups=x.shape[1]), pointwise
    ).relu()


def separable(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    for depthwise, pointwise in (weights[:2], weights[2:]):
        x = functional.conv2d(functional.conv2d(x, depthwise, padding=1, groups=x.shape[1]), pointwise).relu()
    return x


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("ghost_conv_3x3", ghost),
        ("selective_kernel_conv_3x3", selective_kernel),
        ("shuffle_group_conv_3x3", shuffle_group),
        ("dilated_conv_3x3", dilated),
        ("separable_conv_3x3", separable),
    ],
)
def test_operations_compute_what_their_papers_say(name: str, reference: Callable[..., torch.Tensor]) -> None:
    torch.manual_seed(0)
    operation, x = make(name, 32, norm=None), torch.randn(2, 32, 9, 8)
    torch.testing.assert_close(operation(x), reference(x, *operation.parameters()), rtol=1e-4, atol=1e-5)


def test_an_odd_number_of_channels_leaves_out_the_last_ghost() -> None:
    torch.manual_seed(0)
    operation, x = make("ghost_conv_3x3", 5, norm=None), torch.randn(1, 5, 6, 6)
    torch.testing.assert_close(operation(x), ghost(x, *operation.parameters())[:, :5])


def test_operations_that_learn_nothing_are_exact() -> None:
    x = torch.randn(2, 3, 6, 7)
    assert torch.equal(make("identity", 3)(x), x)
    assert torch.equal(make("zero", 3)(x), torch.zeros_like(x))
    greatest = ndimage.maximum_filter(x.numpy(), size=(1, 1, 3, 3), mode="constant", cval=-np.inf)
    np.testing.assert_array_equal(make("max_pool_3x3", 3)(x).numpy(), greatest)
    sums, counts = (ndimage.convolve(array, np.ones((1, 1, 3, 3)), mode="constant") for array in (x, np.ones(x.shape)))
    np.testing.assert_allclose(make("average_pool_3x3", 3)(x).numpy(), sums / counts, rtol=1e-5, atol=1e-6)


def test_the_spaces_hold_known_operations_and_each_has_zero() -> None:
    for space in SEARCH_SPACES.values():
        assert len(set(space)) == len(space) and "zero" in space and set(space) <= set(OPERATIONS)
    assert len(SEARCH_SPACES["lwmisn"]) == len(SEARCH_SPACES["darts"]) == 8
    assert set(SEARCH_SPACES["lwmisn_dense"]) - set(SEARCH_SPACES["lwmisn"]) == {"conv_3x3", "conv_1x1"}
    assert set(OPERATION_NAMES) == set(OPERATIONS)
    assert {name for name in OPERATIONS if not list(make(name, 4).parameters())} == PARAMETER_FREE
