"""EGE-UNet has the published costs, and its attention and bridges follow the publication."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from monai_lwmisn.profiling import multiply_accumulates, parameter_count
from monai_lwmisn.studies.baselines import build_baseline
from monai_lwmisn.studies.baselines.ege_unet import (
    DILATIONS,
    GroupAggregationBridge,
    GroupedAttention,
    HadamardProductAttention,
)


def test_costs_are_the_published_ones() -> None:
    with torch.device("meta"):
        network, image = build_baseline("ege_unet", 3, 1), torch.rand(1, 3, 256, 256)
    assert parameter_count(network) == pytest.approx(0.0534e6, rel=0.01)
    assert multiply_accumulates(network, image) == pytest.approx(0.0721e9, rel=0.01)


@pytest.mark.parametrize("axis", [2, 3])
def test_weights_along_one_axis_are_interpolated_and_the_same_along_the_other(axis: int) -> None:
    torch.manual_seed(0)
    attention = HadamardProductAttention(3, axes=(axis,))
    nn.init.normal_(attention.weight)
    attention.refine = nn.Identity()  # type: ignore[assignment]
    x = torch.randn(2, 3, 11, 5)
    result = attention(x).detach().numpy()

    length = x.shape[axis]
    # The first and last learned weights lie on the first and last pixels.
    positions = np.linspace(0, 7, length)
    for channel, learned in enumerate(attention.weight[0].detach().numpy()):
        weights = np.interp(positions, np.arange(8), learned)
        weights = weights[:, None] if axis == 2 else weights[None, :]
        np.testing.assert_allclose(result[:, channel], x[:, channel].numpy() * weights, rtol=1e-4, atol=1e-5)


def test_weights_over_both_axes_start_equal_and_do_not_depend_on_the_image() -> None:
    torch.manual_seed(0)
    attention = HadamardProductAttention(3, axes=(2, 3))
    x = torch.randn(2, 3, 8, 8)
    # The product is linear in the image, unlike the attention of transformers.
    torch.testing.assert_close(attention(3 * x), 3 * attention(x))
    weights = attention(torch.ones(1, 3, 8, 8))
    torch.testing.assert_close(attention(x), x * weights)
    # Equal weights stay equal, except at the border, where the depthwise convolution sees zeros.
    assert weights[:, :, 1:-1, 1:-1].std(dim=(2, 3)).max() < 1e-5


def test_each_quarter_of_the_channels_has_its_own_attention() -> None:
    torch.manual_seed(0)
    attention = GroupedAttention(8, 12)
    x = torch.randn(2, 8, 9, 7)
    parts = functional.layer_norm(x.permute(0, 2, 3, 1), (8,), eps=1e-6).permute(0, 3, 1, 2).split(2, dim=1)
    both, height, width, convolution = attention.groups
    joined = torch.cat([both(parts[0]), height(parts[1]), width(parts[2]), convolution(parts[3])], dim=1)
    assert (both.axes, height.axes, width.axes) == ((2, 3), (2,), (3,))
    torch.testing.assert_close(attention(x), attention.mix(joined))
    assert attention(x).shape == (2, 12, 9, 7)


def test_bridge_sees_its_mask_at_four_dilations() -> None:
    torch.manual_seed(0)
    bridge = GroupAggregationBridge(below_channels=12, channels=8)
    below, skip = torch.randn(1, 12, 8, 8), torch.randn(1, 8, 16, 16)
    mask = torch.randn(1, 1, 16, 16, requires_grad=True)
    bridge(below, skip, mask)[0, :, 8, 8].sum().backward()
    assert mask.grad is not None
    seen = {(row - 8, column - 8) for row, column in mask.grad[0, 0].nonzero().tolist()}
    steps = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
    assert seen == {(dilation * row, dilation * column) for dilation in DILATIONS for row, column in steps}


def test_bridge_groups_have_a_quarter_of_the_skip_and_of_the_level_below() -> None:
    torch.manual_seed(0)
    bridge = GroupAggregationBridge(below_channels=12, channels=8)
    seen: list[torch.Tensor] = []
    for group in bridge.groups:
        group.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    below, skip, mask = torch.randn(1, 12, 16, 16), torch.randn(1, 8, 16, 16), torch.randn(1, 1, 16, 16)
    bridge(below, skip, mask)
    projected = functional.conv2d(below, bridge.project.weight, bridge.project.bias)
    for index, part in enumerate(seen):
        channels = slice(2 * index, 2 * index + 2)
        torch.testing.assert_close(part, torch.cat([projected[:, channels], skip[:, channels], mask], dim=1))


def test_coarse_masks_learn_from_the_last_output_alone() -> None:
    torch.manual_seed(0)
    network = build_baseline("ege_unet", 3, 1)
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    masks = network.network.masks  # type: ignore[union-attr]
    assert len(masks) == 5  # type: ignore[arg-type]
    assert all(mask.weight.grad.any() for mask in masks)  # type: ignore[union-attr]
