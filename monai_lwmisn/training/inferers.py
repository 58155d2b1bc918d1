"""From images or volumes of any size to logits on the same grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer, SliceInferer, SlidingWindowInferer
from monai.utils import convert_to_dst_type, convert_to_tensor

__all__ = ["FlippingInferer", "build_inferer"]


class FlippingInferer(Inferer):
    """
    Mean of the logits over all in-plane flips of the input, flipped back (test-time augmentation).

    Args:
        inferer: computes the logits of one flip.
    """

    def __init__(self, inferer: Inferer) -> None:
        super().__init__()
        self.inferer = inferer

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Map images (B, C, H, W[, D]) to logits of that size."""
        in_plane = (2, 3)
        flips = [flip for count in range(3) for flip in combinations(in_plane, count)]
        logits = [self.inferer(inputs.flip(flip), network, *args, **kwargs).flip(flip) for flip in flips]
        return torch.stack(logits).mean(dim=0)


class _PlainTensorInferer(Inferer):
    """Hides the metadata of images from the network, where MONAI would carry it through every layer."""

    def __init__(self, inferer: Inferer) -> None:
        super().__init__()
        self.inferer = inferer

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        logits = self.inferer(convert_to_tensor(inputs), network, *args, **kwargs)
        return convert_to_dst_type(logits, inputs, dtype=torch.float32)[0]


def build_inferer(
    volumetric: bool = False,
    roi: Sequence[int] | None = None,
    batch_size: int = 8,
    overlap: float = 0.25,
    flips: bool = False,
) -> Inferer:
    """
    The inferer of a 2D network.

    Args:
        volumetric: the inputs are volumes (B, C, H, W, D), taken slice by slice along the last axis.
        roi: in-plane size in pixels of a sliding window; None takes images and slices whole.
        batch_size: slices or windows that go through the network together.
        overlap: share of a window that overlaps the next one.
        flips: average over flips, see :class:`FlippingInferer`; four times the work.
    """
    inferer: Inferer
    if volumetric:
        inferer = SliceInferer(
            spatial_dim=2, roi_size=tuple(roi or (-1, -1)), sw_batch_size=batch_size, overlap=overlap if roi else 0.0
        )
    elif roi:
        inferer = SlidingWindowInferer(tuple(roi), sw_batch_size=batch_size, overlap=overlap, mode="gaussian")
    else:
        inferer = SimpleInferer()
    return _PlainTensorInferer(FlippingInferer(inferer) if flips else inferer)
