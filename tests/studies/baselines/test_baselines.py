"""Every network of the registry can be trained on any size, and those of the paper's tables have known costs."""

import pytest
import torch

from monai_lwmisn.profiling import multiply_accumulates, parameter_count
from monai_lwmisn.studies.baselines import BASELINES, build_baseline
from monai_lwmisn.studies.baselines.thop_counts import thop_macs

COSTS = {
    "unet": (9.855e6, 13.68e9, 20.19e9),
    "fcn": (18.644e6, 21.41e9, 25.50e9),
    "attention_unet": (34.879e6, 66.42e9, 66.63e9),
    "r2_unet": (39.091e6, 152.49e9, 152.92e9),
    "unet_plus_plus": (9.163e6, 34.49e9, 34.90e9),
    "nas_unet": (4.064e6, 17.18e9, 26.86e9),
    "auto_deeplab": (10.15e6, 9.90e9, 9.97e9),
}
"""Parameters, multiply-accumulates at 3x256x256 and those by thop's count. The first five networks fit the paper's
tables within 1 %. The parameters of auto_deeplab are those of its own publication."""

OF_EVERY_BASELINE = pytest.mark.parametrize("name", BASELINES)


@OF_EVERY_BASELINE
@pytest.mark.parametrize(("batch", "size"), [(2, (64, 64)), (1, (61, 131))])
def test_every_weight_learns_from_images_of_any_size(name: str, batch: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = build_baseline(name, 3, 2).train()
    logits = network(torch.rand(batch, 3, *size))
    assert logits.shape == (batch, 2, *size)
    assert logits.isfinite().all()
    logits.square().mean().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name


@OF_EVERY_BASELINE
def test_segmentation_is_deterministic_and_does_not_depend_on_the_batch(name: str) -> None:
    torch.manual_seed(0)
    network, images = build_baseline(name, 1, 3).eval(), torch.rand(2, 1, 40, 32)
    with torch.inference_mode():
        logits = network(images)
        torch.testing.assert_close(network(images), logits, rtol=0, atol=0)
        torch.testing.assert_close(network(images[1:]), logits[1:], rtol=1e-3, atol=1e-4)


@OF_EVERY_BASELINE
def test_an_image_with_other_channels_is_refused(name: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=r"\(batch, 3, height, width\) and was given \[1, 1"):
        build_baseline(name, 3, 2)(torch.rand(1, 1, 64, 64))


@pytest.mark.parametrize("name", COSTS)
def test_costs_are_the_expected_ones(name: str) -> None:
    with torch.device("meta"):
        network, image = build_baseline(name, 3, 1), torch.rand(1, 3, 256, 256)
    params, macs, macs_thop = COSTS[name]
    assert parameter_count(network) == pytest.approx(params, rel=0.01)
    assert multiply_accumulates(network, image) == pytest.approx(macs, rel=0.01)
    assert thop_macs(network, image) == pytest.approx(macs_thop, rel=0.01)
