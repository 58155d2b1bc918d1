"""MK-UNet has the published costs, and its blocks follow figure 2 of the publication."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.special import expit
from torch import nn

from monai_lwmisn.profiling import multiply_accumulates, parameter_count
from monai_lwmisn.studies.baselines import build_baseline
from monai_lwmisn.studies.baselines.mk_unet import (
    ChannelAttention,
    GroupedGate,
    MKUNet,
    MultiKernelBlock,
    SpatialAttention,
)


@pytest.mark.parametrize(("name", "params", "macs"), [("mk_unet_t", 0.027e6, 0.05e9), ("mk_unet_s", 0.093e6, 0.10e9)])
def test_costs_are_the_published_ones(name: str, params: float, macs: float) -> None:
    with torch.device("meta"):
        network, image = build_baseline(name, 3, 1), torch.rand(1, 3, 256, 256)
    # The publication rounds to three and to two decimals.
    assert parameter_count(network) == pytest.approx(params, abs=0.0005e6)
    assert multiply_accumulates(network, image) == pytest.approx(macs, abs=0.005e9)


def test_the_base_network_has_the_published_parameters_too() -> None:
    widths = (16, 32, 64, 96, 160)
    with torch.device("meta"):
        network = MKUNet(3, 1, widths)
    heads = sum(width + 1 for width in widths[:3])  # of the deep supervision, which the publication counts
    assert parameter_count(network) + heads == pytest.approx(0.316e6, abs=0.0005e6)


def test_block_adds_kernels_of_three_sizes_to_the_carried_input() -> None:
    torch.manual_seed(0)
    block = MultiKernelBlock(4, 6).eval()  # fresh normalisations change nothing in evaluation but by their epsilon
    image = np.random.default_rng(0).normal(size=(4, 9, 10)).astype(np.float32)

    def pointwise(x: np.ndarray, convolution: nn.Module) -> np.ndarray:
        return np.einsum("oi,ihw->ohw", convolution.weight.detach().numpy()[:, :, 0, 0], x)

    hidden = np.clip(pointwise(image, block.expand.conv), 0, 6)
    merged = np.zeros_like(hidden)
    for unit, size in zip(block.depthwise, (1, 3, 5), strict=True):
        kernels = unit.conv.weight.detach().numpy()[:, 0]
        assert kernels.shape == (8, size, size)
        rows = [ndimage.correlate(x, kernel, mode="constant") for x, kernel in zip(hidden, kernels, strict=True)]
        merged += np.clip(np.stack(rows), 0, 6)
    shuffled = merged[[0, 4, 1, 5, 2, 6, 3, 7]]  # two groups, the common divisor of 8 and 6, take turns
    expected = pointwise(image, block.carry) + pointwise(shuffled, block.project.conv)
    with torch.inference_mode():
        result = block(torch.from_numpy(image)[None])[0].numpy()
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3)


def test_attention_and_gate_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    x, skip = torch.randn(1, 4, 6, 7), torch.randn(1, 4, 6, 7)
    image, other = x[0].numpy(), skip[0].numpy()
    with torch.inference_mode():
        channels = ChannelAttention(4, 2)
        inner, outer = (channels.perceptron[place].weight.numpy()[:, :, 0, 0] for place in (0, 2))
        weights = sum(outer @ np.maximum(inner @ pooled(image), 0) for pooled in (_mean, _maximum))
        np.testing.assert_allclose(channels(x)[0].numpy(), image * expit(weights)[:, None, None], rtol=1e-5)

        pixels = SpatialAttention()
        maps = image.mean(axis=0), image.max(axis=0)
        kernels = pixels.convolution.weight.numpy()[0]
        weights = sum(
            ndimage.correlate(part, kernel, mode="constant") for part, kernel in zip(maps, kernels, strict=True)
        )
        np.testing.assert_allclose(pixels(x)[0].numpy(), image * expit(weights), rtol=1e-4, atol=1e-5)

        gate = GroupedGate(4).eval()
        hidden = np.zeros((2, 6, 7), dtype=np.float32)
        for source, unit in ((image, gate.of_decoder), (other, gate.of_skip)):
            kernels, biases = unit[0].weight.numpy(), unit[0].bias.numpy()
            for group in range(2):  # each sees two channels
                parts = zip(source[2 * group : 2 * group + 2], kernels[group], strict=True)
                hidden[group] += sum(ndimage.correlate(x, k, mode="constant") for x, k in parts) + biases[group]
        mix, bias = gate.weigh[1].weight.numpy()[0, :, 0, 0], gate.weigh[1].bias.numpy()
        weights = expit(np.einsum("i,ihw->hw", mix, np.maximum(hidden, 0)) + bias)
        np.testing.assert_allclose(gate(x, skip)[0].numpy(), other * weights, rtol=1e-3, atol=1e-4)


def _mean(image: np.ndarray) -> np.ndarray:
    return image.mean(axis=(1, 2))


def _maximum(image: np.ndarray) -> np.ndarray:
    return image.max(axis=(1, 2))
