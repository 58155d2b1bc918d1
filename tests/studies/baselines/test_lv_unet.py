"""LV-UNet has the published costs, and the pairs of pointwise convolutions can be merged."""

import pytest
import torch
from torch import nn

from monai_lwmisn.profiling import multiply_accumulates, parameter_count
from monai_lwmisn.studies.baselines import build_baseline
from monai_lwmisn.studies.baselines.lv_unet import LVUNet, PlainBlock


def test_costs_are_the_published_ones() -> None:
    with torch.device("meta"):
        network, image = build_baseline("lv_unet", 3, 1), torch.rand(1, 3, 256, 256)
    # The publication's convolutions have biases before normalisations too, which change nothing.
    assert parameter_count(network) == pytest.approx(0.935e6, rel=0.01)
    assert multiply_accumulates(network, image) == pytest.approx(0.175e9, rel=0.01)


def test_the_groups_are_the_first_blocks_of_mobilenet() -> None:
    with torch.device("meta"):
        network = LVUNet(3, 1)
        sizes = []
        x = network.stem(torch.rand(1, 3, 256, 256))
        for block in network.encoder:
            x = block(x)
            sizes.append(tuple(x.shape[1:3]))
    # Table 1 of MobileNetV3 gives 24, 40 and 80 channels at these sizes.
    assert sizes == [(24, 64), (40, 32), (80, 16), (160, 8), (240, 4), (480, 2)]


def test_the_pointwise_convolutions_of_a_block_are_one() -> None:
    torch.manual_seed(0)
    block = PlainBlock(3, 5, nn.MaxPool2d(2)).eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.running_mean, module.running_var, module.weight, module.bias):
                nn.init.uniform_(value, 0.5, 1.5)  # type: ignore[arg-type]
    with torch.inference_mode():
        basis = torch.cat([torch.zeros(1, 3), torch.eye(3)])[..., None, None]
        values = nn.Sequential(*list(block)[:2])(basis)[..., 0, 0]
        matrix, offset = (values[1:] - values[0]).T, values[0]
        x = torch.randn(2, 3, 6, 8)
        merged = torch.einsum("oi,bihw->bohw", matrix, x) + offset[:, None, None]
        torch.testing.assert_close(block(x), nn.Sequential(*list(block)[2:])(merged))
