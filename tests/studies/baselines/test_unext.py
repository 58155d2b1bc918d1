"""UNeXt-S has the published costs, and its perceptrons see shifted channels."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from monai_lwmisn.profiling import multiply_accumulates, parameter_count
from monai_lwmisn.studies.baselines import build_baseline
from monai_lwmisn.studies.baselines.unext import TokenizedMLP, shift


def test_costs_are_the_published_ones() -> None:
    with torch.device("meta"):
        network, image = build_baseline("unext_s", 3, 1), torch.rand(1, 3, 256, 256)
    assert parameter_count(network) == pytest.approx(0.2536e6, rel=0.01)
    assert multiply_accumulates(network, image) == pytest.approx(0.0992e9, rel=0.01)


@pytest.mark.parametrize(("channels", "groups"), [(10, [2, 2, 2, 2, 2]), (64, [13, 13, 13, 13, 12])])
@pytest.mark.parametrize("axis", [2, 3])
def test_five_groups_of_channels_move_by_up_to_two_pixels(channels: int, groups: list[int], axis: int) -> None:
    image = np.random.default_rng(0).normal(size=(2, channels, 6, 7)).astype(np.float32)
    # Without the zeros, np.roll would wrap the image around.
    padding = [(0, 0)] * 4
    padding[axis] = (2, 2)
    padded = np.pad(image, padding)
    parts = np.split(padded, np.cumsum(groups)[:-1], axis=1)
    rolled = np.concatenate([np.roll(part, step - 2, axis) for step, part in enumerate(parts)], axis=1)
    expected = np.take(rolled, range(2, 2 + image.shape[axis]), axis)
    np.testing.assert_array_equal(shift(torch.from_numpy(image), axis).numpy(), expected)


def test_tokenized_perceptron_is_that_of_the_paper() -> None:
    torch.manual_seed(0)
    block = TokenizedMLP(10)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 10, 5, 6)

    # As in the publication, tokens are rows of channels, and the perceptron has linear layers.
    tokens = functional.layer_norm(x.permute(0, 2, 3, 1), (10,), block.norm.weight, block.norm.bias)
    hidden = functional.linear(
        shift(tokens.permute(0, 3, 1, 2), axis=3).permute(0, 2, 3, 1), block.first.weight[:, :, 0, 0], block.first.bias
    )
    mixed = functional.conv2d(
        hidden.permute(0, 3, 1, 2), block.depthwise.weight, block.depthwise.bias, padding=1, groups=10
    )
    shifted = shift(functional.gelu(mixed), axis=2).permute(0, 2, 3, 1)
    result = functional.linear(shifted, block.second.weight[:, :, 0, 0], block.second.bias)
    torch.testing.assert_close(block(x), x + result.permute(0, 3, 1, 2))


def test_perceptron_sees_three_pixels_around() -> None:
    torch.manual_seed(0)
    block = TokenizedMLP(10)
    x = torch.randn(1, 10, 15, 15, requires_grad=True)
    block(x)[0, :, 7, 7].sum().backward()
    assert x.grad is not None
    seen = x.grad.abs().sum(dim=(0, 1)).nonzero()
    # The depthwise convolution reaches one pixel, and each shift two.
    assert seen.min(dim=0).values.tolist() == [4, 4]
    assert seen.max(dim=0).values.tolist() == [10, 10]
