"""The counting rules of thop, each against its formula."""

import pytest
import torch
from torch import nn

from monai_lwmisn.profiling import multiply_accumulates
from monai_lwmisn.studies.baselines.thop_counts import thop_macs

IMAGE = torch.zeros(2, 4, 8, 10)
VALUES = IMAGE.numel()


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Conv2d(4, 6, 3, padding=1, groups=2), 2 * 6 * 8 * 10 * 2 * 9),
        (nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1), 2 * 6 * 16 * 20 * 4 * 16),
        (nn.BatchNorm2d(4), 4 * VALUES),
        (nn.BatchNorm2d(4, affine=False), 2 * VALUES),
        (nn.InstanceNorm2d(4), 2 * VALUES),
        (nn.LayerNorm(10), 4 * VALUES),
        (nn.GroupNorm(2, 4), 0),
        (nn.Linear(10, 3), VALUES * 3),
        (nn.Upsample(scale_factor=2), 4 * VALUES),
        (nn.Upsample(scale_factor=2, mode="bilinear"), 11 * 4 * VALUES),
        (nn.AvgPool2d(2), VALUES // 4),
        (nn.AdaptiveAvgPool2d(1), VALUES + 2 * 4),
        (nn.Softmax(dim=1), 2 * 8 * 10 * (3 * 4 - 1)),
        (nn.PReLU(), VALUES),
        (nn.ReLU(), 0),
        (nn.MaxPool2d(2), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_layer_costs_what_thop_says(layer: nn.Module, expected: int) -> None:
    assert thop_macs(layer, IMAGE) == expected


def test_a_strided_transposed_convolution_is_counted_four_times() -> None:
    layer = nn.ConvTranspose2d(4, 6, 2, stride=2)
    assert thop_macs(layer, IMAGE) == 4 * multiply_accumulates(layer, IMAGE)


def test_a_layer_is_counted_for_each_call_and_no_hook_stays() -> None:
    layer = nn.Conv2d(4, 4, 1)
    network = nn.Sequential(layer, nn.ReLU(), layer)
    once = thop_macs(layer, IMAGE)
    assert thop_macs(network, IMAGE) == thop_macs(network, IMAGE) == 2 * once
    assert not layer._forward_hooks


def test_no_hook_stays_where_the_network_fails() -> None:
    layer = nn.Conv2d(3, 4, 1)
    with pytest.raises(RuntimeError):
        thop_macs(layer, IMAGE)
    assert not layer._forward_hooks
