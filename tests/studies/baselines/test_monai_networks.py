"""MONAI's networks have the expected costs, and the registry does not change them."""

from itertools import pairwise

import pytest
import torch
from monai.networks.nets import BasicUNet, DynUNet, SegResNet, UNet
from torch import nn

from monai_lwmisn.profiling import multiply_accumulates, parameter_count
from monai_lwmisn.studies.baselines import BASELINES, build_baseline

COSTS = {
    "basic_unet": (1.979e6, 4.983e9),
    "monai_unet": (1.625e6, 0.764e9),
    "segresnet": (0.395e6, 0.984e9),
    "nnunet_2d": (33.46e6, 14.80e9),
    "nnunet_2d_96": (7.763e6, 12.07e9),
    "xtinyunet_8": (0.0202e6, 0.234e9),
}
"""Parameters and multiply-accumulates at 3x256x256."""

OWN = {
    "basic_unet": lambda: BasicUNet(spatial_dims=2, in_channels=3, out_channels=2),
    "monai_unet": lambda: UNet(
        spatial_dims=2,
        in_channels=3,
        out_channels=2,
        channels=(16, 32, 64, 128, 256),
        strides=(2, 2, 2, 2),
        num_res_units=2,
    ),
    "segresnet": lambda: SegResNet(spatial_dims=2, init_filters=8, in_channels=3, out_channels=2),
    # Without filters, MONAI uses those of nnU-Net.
    "nnunet_2d": lambda: DynUNet(2, 3, 2, [3] * 7, [1, *[2] * 6], [2] * 6, trans_bias=True),
    "nnunet_2d_96": lambda: DynUNet(2, 3, 2, [3] * 5, [1, *[2] * 4], [2] * 4, trans_bias=True),
    "xtinyunet_8": lambda: DynUNet(2, 3, 2, [3] * 7, [1, *[2] * 6], [2] * 6, filters=[8] * 7, trans_bias=True),
}
"""MONAI's class with keywords and defaults."""


@pytest.mark.parametrize("name", COSTS)
def test_costs_are_the_expected_ones(name: str) -> None:
    with torch.device("meta"):
        network, image = build_baseline(name, 3, 1), torch.rand(1, 3, 256, 256)
    params, macs = COSTS[name]
    assert parameter_count(network) == pytest.approx(params, rel=0.01)
    assert multiply_accumulates(network, image) == pytest.approx(macs, rel=0.01)


@pytest.mark.parametrize("name", COSTS)
def test_logits_are_those_of_monai_on_the_padded_image(name: str) -> None:
    torch.manual_seed(0)
    network, own = build_baseline(name, 3, 2).eval(), OWN[name]().eval()
    own.load_state_dict(network.network.state_dict())  # type: ignore[union-attr]
    image = torch.rand(1, 3, 50, 70)
    multiple = BASELINES[name].multiple
    rows, columns = (torch.arange(-(-size // multiple) * multiple).clamp(max=size - 1) for size in (50, 70))
    padded = image[:, :, rows][..., columns]
    with torch.inference_mode():
        torch.testing.assert_close(network(image), own(padded)[..., :50, :70])


@pytest.mark.parametrize("name", COSTS)
def test_the_smallest_image_can_be_trained_with(name: str) -> None:
    network = build_baseline(name, 3, 2).train()
    assert network(torch.rand(1, 3, 1, 1)).shape == (1, 2, 1, 1)


@pytest.mark.parametrize(("patch", "ending"), [(256, ""), (96, "_96"), (48, "_48")])
@pytest.mark.parametrize(("network", "cap"), [("nnunet_2d", 512), *((f"xtinyunet_{cap}", cap) for cap in (8, 16, 32))])
def test_nnunet_has_the_stages_that_nnunet_plans_for_its_patches(
    network: str, cap: int, patch: int, ending: str
) -> None:
    sizes = [patch]
    while sizes[-1] % 2 == 0 and sizes[-1] // 2 >= 4:
        sizes.append(sizes[-1] // 2)
    widths = [min(32 * 2**stage, cap) for stage in range(len(sizes))]

    with torch.device("meta"):
        built = build_baseline(f"{network}{ending}", 3, 2)
        shapes: list[tuple[int, ...]] = []
        for module in built.modules():
            if isinstance(module, nn.InstanceNorm2d):
                module.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
        built(torch.rand(1, 3, patch, patch))
    encoder = [(width, size, size) for width, size in zip(widths, sizes, strict=True) for _ in range(2)]
    # The decoder starts at the last but one stage. Every stage has two convolutions.
    assert shapes == encoder + encoder[-3::-1]


def test_parameters_of_nnunet_are_those_of_its_stages() -> None:
    widths = [32, 64, 128, 256, 512, 512, 512]
    # Kernels without bias, and two values per normalised channel. The decoder has transposed kernels with bias too.
    down = sum(9 * (narrow + wide) * wide + 4 * wide for narrow, wide in pairwise([3, *widths]))
    up = sum(4 * wide * narrow + narrow + 9 * 3 * narrow**2 + 4 * narrow for narrow, wide in pairwise(widths))
    head = widths[0] * 2 + 2
    with torch.device("meta"):
        assert parameter_count(build_baseline("nnunet_2d", 3, 2)) == down + up + head


def test_xtinyunet_has_the_published_parameters_and_savings() -> None:
    with torch.device("meta"):
        counts = {name: parameter_count(build_baseline(name, 3, 1)) for name in ("nnunet_2d", "xtinyunet_8")}
        middle = parameter_count(build_baseline("xtinyunet_16", 3, 1))
    assert counts["xtinyunet_8"] == pytest.approx(0.020e6, abs=0.0005e6)
    # "400x to 1600x fewer parameters": caps of 16 and of 8, for the stages that each data set has there.
    assert counts["nnunet_2d"] / middle == pytest.approx(400, rel=0.07)
    assert counts["nnunet_2d"] / counts["xtinyunet_8"] == pytest.approx(1600, rel=0.07)
