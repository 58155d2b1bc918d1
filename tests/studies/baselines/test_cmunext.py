"""CMUNeXt-S has the published costs, and its two blocks follow the publication."""

import numpy as np
import pytest
import torch
from scipy import ndimage, special
from torch import nn

from monai_lwmisn.profiling import multiply_accumulates, parameter_count
from monai_lwmisn.studies.baselines import build_baseline
from monai_lwmisn.studies.baselines.cmunext import CMUNeXtBlock, SkipFusion


def test_costs_are_the_published_ones() -> None:
    with torch.device("meta"):
        network, image = build_baseline("cmunext_s", 3, 1), torch.rand(1, 3, 256, 256)
    assert parameter_count(network) == pytest.approx(0.4175e6, rel=0.01)
    assert multiply_accumulates(network, image) == pytest.approx(1.012e9, rel=0.01)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + special.erf(x / np.sqrt(2))) / 2


def normalised(x: np.ndarray, norm: nn.Module) -> np.ndarray:
    """Batch normalisation of (C, height, width) in evaluation."""
    mean, variance, weight, bias = (
        getattr(norm, name).detach().numpy()[:, None, None]
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


@pytest.mark.parametrize("kernel_size", [3, 7, 9])
def test_block_is_that_of_the_paper(kernel_size: int) -> None:
    torch.manual_seed(0)
    block = CMUNeXtBlock(4, 6, kernel_size).eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.running_mean, module.running_var, module.weight, module.bias):
                nn.init.uniform_(value, 0.5, 1.5)  # type: ignore[arg-type]
    image = np.random.default_rng(0).normal(size=(4, 10, 11)).astype(np.float32)

    def layer(x: np.ndarray, unit: nn.Module) -> np.ndarray:
        """A convolution whose kernel is (out, in or 1, height, width), GELU and normalisation."""
        kernels, biases = unit.conv.weight.detach().numpy(), unit.conv.bias.detach().numpy()
        rows = []
        for index, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
            sources = x if len(kernel) == len(x) else x[index : index + 1]
            parts = [ndimage.correlate(s, k, mode="constant") for s, k in zip(sources, kernel, strict=True)]
            rows.append(sum(parts) + bias)
        return normalised(gelu(np.stack(rows)), unit.adn.N)

    expected = image + layer(image, block.depthwise)
    for unit in block.pointwise:
        expected = layer(expected, unit)
    with torch.inference_mode():
        result = block(torch.from_numpy(image)[None])
        widened = block.widen(torch.from_numpy(expected).float()[None])
    torch.testing.assert_close(result, widened, rtol=1e-4, atol=1e-4)


def test_fusion_convolves_the_skip_and_the_decoder_features_separately() -> None:
    torch.manual_seed(0)
    fusion = SkipFusion(channels=4).eval()
    skip, below = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    with torch.inference_mode():
        before = fusion[0](torch.cat([skip, below], dim=1))
        after = fusion[0](torch.cat([skip, torch.randn_like(below)], dim=1))
        result = fusion(torch.cat([skip, below], dim=1))
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert (before[:, 4:] - after[:, 4:]).abs().amin(dim=(2, 3)).gt(0).all()
    assert result.shape == skip.shape


def test_last_level_has_the_largest_kernel() -> None:
    with torch.device("meta"):
        network = build_baseline("cmunext_s", 3, 1)
    sizes = [
        tuple(module.kernel_size)
        for module in network.modules()
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels
    ]
    assert sizes == [(3, 3), (3, 3), (7, 7), (7, 7), (9, 9)]
