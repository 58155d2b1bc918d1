"""TinyU-Net has the published costs, and its cascade follows the publication."""

import numpy as np
import pytest
import torch
from scipy import ndimage, special
from torch import nn

from monai_lwmisn.profiling import multiply_accumulates, parameter_count
from monai_lwmisn.studies.baselines import build_baseline
from monai_lwmisn.studies.baselines.tiny_unet import Cascade


def test_costs_are_the_published_ones() -> None:
    with torch.device("meta"):
        network, image = build_baseline("tiny_unet", 3, 2), torch.rand(1, 3, 256, 256)
    # Table 1 gives 0.48 M, and 3.33 G operations, which are two per multiply-accumulate and the layers without kernels.
    assert parameter_count(network) == pytest.approx(0.48e6, abs=0.005e6)
    assert 2 * multiply_accumulates(network, image) == pytest.approx(3.33e9, rel=0.08)


def test_cascade_is_that_of_the_paper() -> None:
    torch.manual_seed(0)
    cascade = Cascade(3, 32).eval()
    for module in cascade.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.running_mean, module.running_var, module.weight, module.bias):
                nn.init.uniform_(value, 0.5, 1.5)  # type: ignore[arg-type]
    image = np.random.default_rng(0).normal(size=(3, 9, 10)).astype(np.float32)

    def normalise(x: np.ndarray, unit: nn.Module) -> np.ndarray:
        norm = unit.adn.N
        mean, variance, weight, bias = (
            getattr(norm, name).detach().numpy()[:, None, None]
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias

    def pointwise(x: np.ndarray, unit: nn.Module) -> np.ndarray:
        mixed = normalise(np.einsum("oi,ihw->ohw", unit.conv.weight.detach().numpy()[:, :, 0, 0], x), unit)
        return mixed * (1 + special.erf(mixed / np.sqrt(2))) / 2

    def depthwise(x: np.ndarray, unit: nn.Module) -> np.ndarray:
        kernels = unit.conv.weight.detach().numpy()[:, 0]
        rows = [ndimage.correlate(channel, kernel, mode="constant") for channel, kernel in zip(x, kernels, strict=True)]
        return normalise(np.stack(rows), unit)

    few = pointwise(image, cascade.reduce)
    assert len(few) == 4  # 32 channels over N = 8
    first, second = few[[0, 2]], few[[1, 3]]
    kept = [first + second]
    for unit in cascade.chain:
        second = depthwise(second, unit)
        kept.append(second)
    assert len(kept) == 8
    expected = pointwise(np.concatenate(kept), cascade.mix)
    with torch.inference_mode():
        result = cascade(torch.from_numpy(image)[None])[0].numpy()
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)
