"""From logits on the network's grid to one-hot predictions on the native grid, beside the label."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.transforms import Activationsd, AsDiscreted, Compose, CopyItemsd, Invertd, Resized

__all__ = ["PUBLISHED_SIZE", "native_prediction", "with_native_label"]

PUBLISHED_SIZE = (256, 256)
"""In-plane size in pixels at which the paper measures (section 3.1)."""


def with_native_label(
    batch: Mapping[Hashable, Any], device: torch.device, non_blocking: bool = False, **kwargs: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """A ``prepare_batch`` for an evaluator: the image, and as its label the ``truth`` on the native grid."""
    return batch["image"].to(device, non_blocking=non_blocking), batch["truth"].to(device, non_blocking=non_blocking)


def native_prediction(
    spatial: Sequence[Callable], out_channels: int, volumetric: bool = False, published_size: bool = False
) -> Compose:
    """
    The postprocessing of an evaluator: ``pred`` from logits to one-hot on the grid of ``label``, ``label`` to one-hot.

    Logits, not classes, are brought back to the native grid, so that its borders are not blocky. With one channel the
    threshold is a probability of 0.5, otherwise the most probable class counts.

    Args:
        spatial: the transforms that changed the grid of the image, to be inverted.
        out_channels: 1 for one class, otherwise background and classes.
        volumetric: the images are volumes (C, H, W, D).
        published_size: add ``pred_256`` and ``label_256``, the probabilities and the label resampled in-plane to
            256x256 pixels (linearly and to the nearest) before they are made one-hot.
    """
    single = out_channels == 1
    transforms: list[Callable] = []
    if spatial:
        transforms.append(Invertd("pred", Compose(list(spatial)), orig_keys="image", nearest_interp=False))
    transforms.append(Activationsd("pred", sigmoid=single, softmax=not single))
    predictions, labels = ["pred"], ["label"]
    if published_size:
        size = (*PUBLISHED_SIZE, -1) if volumetric else PUBLISHED_SIZE
        linear = "trilinear" if volumetric else "bilinear"
        transforms.append(CopyItemsd(["pred", "label"], names=["pred_256", "label_256"]))
        transforms.append(Resized(["pred_256", "label_256"], size, mode=[linear, "nearest"]))
        predictions.append("pred_256")
        labels.append("label_256")
    if single:
        transforms.append(AsDiscreted(predictions, threshold=0.5))
    else:
        transforms.append(AsDiscreted(predictions, argmax=True, to_onehot=out_channels))
        transforms.append(AsDiscreted(labels, to_onehot=out_channels))
    return Compose(transforms)
