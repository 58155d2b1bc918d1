"""Makes the metrics of a segmentation, as MONAI metrics for an evaluator.

The basic metrics are the paper's (equations 15 and 16): foreground IoU and DSC of each image, averaged over the images.
An image is a picture, or a slice of a volume along its last axis. An image without foreground in the truth counts as 1
if nothing is predicted in it, otherwise as 0 (``empty_images="one"``), or it is left out (``"skip"``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.data import MetaTensor
from monai.handlers import IgniteMetricHandler, from_engine
from monai.metrics import DiceMetric, HausdorffDistanceMetric, MeanIoU, SurfaceDiceMetric
from monai.utils import convert_to_tensor

from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.training.instance_metrics import InstanceMetric, aggregated_jaccard, f1_at_half

__all__ = ["EMPTY_IMAGES", "PresentClassDice", "SurfaceMetric", "evaluation_metrics", "images_from_engine", "mean_dice"]

EMPTY_IMAGES = ("one", "skip")


def images_from_engine(keys: Sequence[str], volumetric: bool) -> Callable[[Any], tuple[list[torch.Tensor], ...]]:
    """Return an ``output_transform``, which takes the images (C, H, W) of each key from an engine's decollated output.

    Args:
        keys: keys of the output.
        volumetric: whether the output holds volumes (C, H, W, D), which are cut into slices along the last axis.
    """
    select = from_engine(list(keys))

    def transform(output: Any) -> tuple[list[torch.Tensor], ...]:
        columns = [[convert_to_tensor(item) for item in column] for column in select(output)]
        if volumetric:
            columns = [[image for volume in column for image in volume.unbind(-1)] for column in columns]
        return tuple(columns)

    return transform


class SurfaceMetric(IgniteMetricHandler):
    """Computes a metric of surfaces in millimetres.

    MONAI's ``IgniteMetricHandler`` does not pass the voxel spacing on. This class takes it from the affine of the
    label.
    """

    def update(self, output: Sequence[Sequence[MetaTensor]]) -> None:
        """Measure pairs of one-hot prediction and label, both (C, H, W, D)."""
        for prediction, label in zip(*output, strict=True):
            self.metric_fn(
                convert_to_tensor(prediction)[None],
                convert_to_tensor(label)[None],
                spacing=[float(length) for length in label.pixdim],
            )


class PresentClassDice(DiceMetric):
    """Computes the mean DSC over images and classes, without the classes that no image has.

    MONAI's ``DiceMetric`` counts such a class as 1 in every image where it is not predicted, so the mean is too high.
    If no image has any class, all of them count.
    """

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        """Return the DSC and the presence (0 or 1) of each class in each image, (B, C, 2)."""
        truth = convert_to_tensor(y)
        scores = convert_to_tensor(super()._compute_tensor(y_pred, truth))
        present = truth[:, 0 if self.include_background else 1 :].flatten(2).any(dim=2)
        return torch.stack([scores, present.to(scores)], dim=-1)

    def aggregate(self, reduction: Any = None) -> torch.Tensor:
        """Return the mean."""
        scores, present = self.get_buffer().unbind(-1)
        counted = present.bool().any(dim=0)
        return scores[:, counted if counted.any() else ~counted].mean()


def mean_dice(out_channels: int) -> IgniteMetricHandler:
    """Return the mean DSC of whole pictures or volumes; an empty one counts as 1 or 0, see above."""
    metric = PresentClassDice(include_background=out_channels == 1, ignore_empty=False)
    return IgniteMetricHandler(metric, output_transform=images_from_engine(("pred", "label"), volumetric=False))


def evaluation_metrics(
    out_channels: int,
    volumetric: bool,
    spacing_is_real: bool,
    empty_images: str = "one",
    surface_tolerance_mm: float = 2.0,
    items: Sequence[Item] = (),
    instances: bool = False,
) -> dict[str, IgniteMetricHandler]:
    """Return the metrics of an evaluator by name.

    The evaluator's output must have one-hot ``pred`` and ``label`` on the native grid, and ``pred_256`` and
    ``label_256`` at the published size.

    Args:
        out_channels: 1 for one class, otherwise background and classes. The background is not measured.
        volumetric: whether the images are volumes; adds ``dsc_3d``, the DSC of whole volumes.
        spacing_is_real: whether the spacing of volumes is in millimetres; adds ``hd95`` (mm) and ``surface_dice``.
        empty_images: ``"one"`` or ``"skip"``, see above.
        surface_tolerance_mm: distance in millimetres within which surfaces count as equal in ``surface_dice``.
        items: the evaluated items. If an item is only some slices of a volume, the metrics of whole volumes are left
            out, because slices with gaps between them have no volume and no surface.
        instances: whether the output also has numbered objects, ``instances`` and ``label_instances``, of pictures;
            adds ``f1_50`` (F1 of objects at an IoU of 0.5) and ``aji`` (aggregated Jaccard index) of each picture.

    Raises:
        ConfigError: there is no such rule for empty images, or instances of volumes are asked for.
    """
    if empty_images not in EMPTY_IMAGES:
        raise ConfigError(f"evaluate.empty_images is {empty_images!r}: use one of {', '.join(EMPTY_IMAGES)}.")
    if instances and volumetric:
        raise ConfigError("data.instances is true, but objects are separated in pictures only: set it to false.")
    single = out_channels == 1
    skip = empty_images == "skip"

    def dice(keys: Sequence[str], slices: bool) -> IgniteMetricHandler:
        metric = DiceMetric(include_background=single, ignore_empty=skip)
        return IgniteMetricHandler(metric, output_transform=images_from_engine(keys, slices))

    def iou(keys: Sequence[str]) -> IgniteMetricHandler:
        metric = MeanIoU(include_background=single, ignore_empty=skip)
        return IgniteMetricHandler(metric, output_transform=images_from_engine(keys, volumetric))

    native, published = ("pred", "label"), ("pred_256", "label_256")
    metrics = {
        "dsc": dice(native, volumetric),
        "miou": iou(native),
        "dsc_256": dice(published, volumetric),
        "miou_256": iou(published),
    }
    if instances:
        objects = images_from_engine(("instances", "label_instances"), volumetric=False)
        for name, score in (("f1_50", f1_at_half), ("aji", aggregated_jaccard)):
            metrics[name] = IgniteMetricHandler(InstanceMetric(score, ignore_empty=skip), output_transform=objects)
    whole_volumes = volumetric and not any("slices" in item for item in items)
    if whole_volumes:
        metrics["dsc_3d"] = dice(native, slices=False)
    if whole_volumes and spacing_is_real:
        classes = max(1, out_channels - 1)
        hausdorff = HausdorffDistanceMetric(include_background=single, percentile=95)
        surface_dice = SurfaceDiceMetric([surface_tolerance_mm] * classes, include_background=single)
        metrics["hd95"] = SurfaceMetric(hausdorff, output_transform=from_engine(list(native)))
        metrics["surface_dice"] = SurfaceMetric(surface_dice, output_transform=from_engine(list(native)))
    return metrics
