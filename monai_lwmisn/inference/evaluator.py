"""Runs a network on prepared images. MONAI's SupervisedEvaluator does the same by way of ignite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor, decollate_batch
from monai.inferers import Inferer
from monai.networks.utils import eval_mode
from monai.utils import convert_to_dst_type, convert_to_numpy
from torch import nn

from monai_lwmisn.inference.quality import LOOK_AT_THIS, estimate_quality
from monai_lwmisn.light.masks import MaskFolder, Prediction

__all__ = ["MaskEvaluator"]


class MaskEvaluator:
    """Segments images. What runs a bundle, from whichever program, runs this.

    Args:
        device: where the network is.
        val_data_loader: batches of prepared images, as :meth:`run` takes them.
        network: gives the logits.
        inferer: brings images through the network.
        postprocessing: makes ``pred`` a label map on the grid of the file, see
            :func:`monai_lwmisn.inference.postprocessing.mask_postprocessing`.
        masks: the folder that :meth:`run` writes to.
        flag_below: the estimate of quality below which somebody should look at a mask.
        amp: compute in mixed precision.
    """

    def __init__(
        self,
        device: torch.device,
        val_data_loader: Iterable[Any],
        network: nn.Module,
        inferer: Inferer,
        postprocessing: Callable[[dict[str, Any]], Mapping[Any, Any]],
        masks: MaskFolder,
        flag_below: float = LOOK_AT_THIS,
        amp: bool = False,
    ) -> None:
        self.device, self.val_data_loader, self.network, self.inferer = device, val_data_loader, network, inferer
        self.postprocessing, self.masks, self.flag_below, self.amp = postprocessing, masks, flag_below, amp

    def __call__(self, item: Mapping[str, Any], quality: bool = False) -> Prediction:
        """Segment one image.

        Args:
            item: ``image``, prepared (channel, x, y[, z]), with its metadata.
            quality: also estimate how good the mask is, see :func:`estimate_quality`.
        """
        image = item["image"].to(self.device)
        logits = self.logits(image)
        estimate = estimate_quality(logits) if quality else None
        found = self.postprocessing({**item, "image": image, "pred": logits})
        return replace(_prediction(found["pred"], found.get("instances")), quality=estimate)

    def logits(self, image: Any) -> Any:
        """Return the logits (class, x, y[, z]) of a prepared image (channel, x, y[, z]), on its grid."""
        image = image.to(self.device)
        with eval_mode(self.network), torch.autocast(self.device.type, enabled=self.amp):
            logits = self.inferer(image.as_tensor()[None], self.network)
        return convert_to_dst_type(logits[0], image)[0]

    def run(self) -> None:
        """Segment all images of the loader, and write their masks."""
        for batch in self.val_data_loader:
            for item in decollate_batch(batch):
                self.masks.write(item["image"].meta["filename_or_obj"], self(item))


def _prediction(labels: Any, instances: Any) -> Prediction:
    if labels.ndim == 2:
        numbers = None if instances is None else convert_to_numpy(instances)[0].T
        return Prediction(convert_to_numpy(labels).T, numbers)
    affine = convert_to_numpy(labels.affine) if isinstance(labels, MetaTensor) else None
    return Prediction(convert_to_numpy(labels)[0], affine=None if affine is None else np.asarray(affine, dtype=float))
