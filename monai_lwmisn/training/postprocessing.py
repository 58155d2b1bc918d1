"""Turns logits on the network's grid into one-hot predictions on the native grid, for validation and evaluation."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from monai.transforms import AsDiscreted, Compose, CopyItemsd, Resized
from monai.utils import convert_to_numpy

from monai_lwmisn.inference.instances import SeparateInstancesd
from monai_lwmisn.inference.label_values import check_values
from monai_lwmisn.inference.postprocessing import OfClassesd, most_probable, native_probabilities
from monai_lwmisn.inference.quality import estimate_quality

__all__ = ["PUBLISHED_SIZE", "native_prediction", "step_name", "with_native_label"]

PUBLISHED_SIZE = (256, 256)
"""In-plane size in pixels of the paper's measurements (section 3.1)."""


def step_name(step: Callable) -> str:
    """Return the name of a transform in words: ``fill holes`` of FillHolesd."""
    if isinstance(step, OfClassesd):
        return f"{step_name(step.transform)} of class {', '.join(map(str, step.classes))}"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(step).__name__.removesuffix("d")).lower()


def with_native_label(
    batch: Mapping[Hashable, Any], device: torch.device, non_blocking: bool = False, **kwargs: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the image (B, C, ...) and, as its label, the ``truth`` on the native grid; for ``prepare_batch``."""
    return batch["image"].to(device, non_blocking=non_blocking), batch["truth"].to(device, non_blocking=non_blocking)


def native_prediction(
    spatial: Sequence[Callable],
    out_channels: int,
    volumetric: bool = False,
    published_size: bool = False,
    postprocessing: Sequence[Callable] = (),
    instances: bool = False,
    quality: bool = False,
) -> Compose:
    """Return the post-processing of an evaluator.

    It turns ``pred`` from logits to one-hot on the grid of ``label``, and ``label`` to one-hot. The measured prediction
    is the one that an inference saves: it has the same way back to the native grid and the same post-processing. Only
    ``pred_256``, which is compared with published figures, has no post-processing.

    Args:
        spatial: the transforms that changed the grid of the image; they are inverted.
        out_channels: 1 for one class, otherwise background and classes.
        volumetric: whether the images are volumes (C, H, W, D).
        published_size: whether to add ``pred_256`` and ``label_256``: the probabilities (linearly) and the label
            (nearest neighbour) resampled in-plane to 256x256 pixels, then made one-hot.
        postprocessing: transforms of ``pred`` as a label map (1, ...) on the native grid.
        instances: whether to add ``instances``, the numbered objects of ``pred``, and ``label_instances``, the numbered
            true objects, which the batch has as ``true_instances``.
        quality: whether to add ``quality``, an estimate from 0 to 1 of how good the prediction is, see
            :func:`monai_lwmisn.inference.quality.estimate_quality`.

    Raises:
        LabelValuesError: when it is called with a ``label`` that has a value of no class.
    """
    names = {str(value): f"class {value}" for value in range(1, max(out_channels, 2))}
    transforms: list[Callable] = [partial(_check_label, names)]
    if quality:
        transforms.append(_add_quality)
    transforms += native_probabilities(Compose(list(spatial)), out_channels)
    label_maps = ["pred", "label"]
    if published_size:
        size = (*PUBLISHED_SIZE, -1) if volumetric else PUBLISHED_SIZE
        linear = "trilinear" if volumetric else "bilinear"
        transforms.append(CopyItemsd(["pred", "label"], names=["pred_256", "label_256"]))
        transforms.append(Resized(["pred_256", "label_256"], size, mode=[linear, "nearest"]))
        transforms.append(most_probable(out_channels, "pred_256"))
        label_maps += ["pred_256", "label_256"]
    transforms += [most_probable(out_channels), *postprocessing]
    if instances:
        transforms += [
            SeparateInstancesd("pred", names="instances"),
            CopyItemsd("true_instances", names="label_instances"),
        ]
    if out_channels > 1:
        transforms.append(AsDiscreted(label_maps, to_onehot=out_channels))
    return Compose(transforms)


def _add_quality(data: dict[Hashable, Any]) -> dict[Hashable, Any]:
    return {**data, "quality": estimate_quality(data["pred"])}


def _check_label(label_names: Mapping[str, str], data: dict[Hashable, Any]) -> dict[Hashable, Any]:
    label = data["label"]
    check_values(convert_to_numpy(label), str(getattr(label, "meta", {}).get("filename_or_obj", "")), label_names)
    return data
