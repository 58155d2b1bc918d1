"""Multiply-accumulates by the counting rules of thop 0.1.1, which the paper's figures very probably follow.

:func:`monai_lwmisn.profiling.multiply_accumulates` gives the true count. thop counts a transposed convolution on its
output as if it had no stride, which is four times too much for a stride of two, and counts normalisation, resizing and
averaging too. One rule differs from thop: a layer that a network has under several names is counted once per call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Rule = Callable[[Any, torch.Tensor, torch.Tensor], int]
"""Maps a module, its input and its output to the count of thop."""


def _convolution(module: Any, x: torch.Tensor, result: torch.Tensor) -> int:
    kernel = module.weight[0, 0].numel()
    return result.numel() * (x.shape[1] // module.groups) * kernel


def _normalisation(module: Any, x: torch.Tensor, result: torch.Tensor) -> int:
    learned = getattr(module, "affine", False) or getattr(module, "elementwise_affine", False)
    return (4 if learned else 2) * x.numel()


def _upsampling(module: Any, x: torch.Tensor, result: torch.Tensor) -> int:
    weights = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}
    return weights.get(module.mode, 0) * result.numel()


def _linear(module: Any, x: torch.Tensor, result: torch.Tensor) -> int:
    return module.in_features * result.numel()


def _pooling(module: Any, x: torch.Tensor, result: torch.Tensor) -> int:
    return result.numel()


def _adaptive_pooling(module: Any, x: torch.Tensor, result: torch.Tensor) -> int:
    return x.numel() + result.numel()


def _softmax(module: Any, x: torch.Tensor, result: torch.Tensor) -> int:
    classes = x.shape[module.dim]
    return x.numel() // classes * (3 * classes - 1)


def _prelu(module: Any, x: torch.Tensor, result: torch.Tensor) -> int:
    return x.numel()


RULES: dict[type[nn.Module], Rule] = {
    **dict.fromkeys(
        (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _convolution
    ),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm), _normalisation),
    **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), _normalisation),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), _pooling),
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), _adaptive_pooling),
    nn.Upsample: _upsampling,
    nn.Linear: _linear,
    nn.Softmax: _softmax,
    nn.PReLU: _prelu,
}
"""The modules that are counted. As in thop, their subclasses and functions are not."""


def thop_macs(network: nn.Module, image: torch.Tensor) -> int:
    """Count the multiply-accumulates of one ``image`` (B, C, H, W) as thop 0.1.1 does. The meta device is enough.

    Args:
        network: the network. It is set to evaluation mode, as in thop.
        image: an image on the device of the network.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], result: torch.Tensor) -> None:
        nonlocal total
        total += RULES[type(module)](module, inputs[0], result)

    hooks = [module.register_forward_hook(count) for module in network.modules() if type(module) in RULES]
    try:
        with torch.inference_mode():
            network.eval()(image)
    finally:
        for hook in hooks:
            hook.remove()
    return total
