"""Folds batch normalisation into the convolutions before it: fewer calls, the same logits up to rounding."""

from __future__ import annotations

from copy import deepcopy

from monai.networks.blocks import Convolution
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy of a network, in evaluation mode, whose convolutions contain the normalisations that follow them.

    A network with weights of its training is folded to be exported or served. It cannot be trained any more.
    """
    folded = deepcopy(network).eval()
    for module in folded.modules():
        # A convolution of this package normalises before its activation, and has no dropout.
        rest = getattr(module, "adn", None)
        if isinstance(module, Convolution) and isinstance(rest, nn.Sequential):
            parts = list(rest.children())
            if parts and isinstance(parts[0], nn.BatchNorm2d) and isinstance(module.conv, nn.Conv2d):
                module.conv = fuse_conv_bn_eval(module.conv, parts[0])
                module.adn = nn.Sequential(*parts[1:])
    return folded
