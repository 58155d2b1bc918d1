"""Inference in the server: the masks are those of :func:`monai_lwmisn.predict`. Needs monailabel."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor
from monailabel.tasks.infer.bundle import BundleInferTask

from monai_lwmisn.inference.predict import Predictor, load_bundle

logger = logging.getLogger(__name__)


class PredictTask(BundleInferTask):
    """Segments the images of a study with a bundle.

    MONAI's own task takes the transforms out of the configuration and runs them itself. It warns of weights that do not
    fit, and goes on. This one calls the predictor that every other program calls.

    Args:
        path: the folder of the bundle.
        conf: options of the server.
    """

    def __init__(self, path: str, conf: dict[str, str]) -> None:
        super().__init__(path, conf)
        self._ready: dict[tuple[Path, str], tuple[float, Predictor]] = {}

    def pre_transforms(self, data: Any = None) -> Sequence[Callable]:
        """Return none: the predictor reads the file."""
        return []

    def post_transforms(self, data: Any = None) -> Sequence[Callable]:
        """Return none: the predictor gives the mask on the grid of the file."""
        return []

    def run_inferer(self, data: dict[str, Any], convert_to_batch: bool = True, device: str = "cuda") -> dict[str, Any]:
        """Set ``pred``, the label map of an image: (x, y, z) of a volume, (x, y) of a picture."""
        prediction = self._predictor(data, device)(data["image"])
        for sentence in prediction.warnings:
            logger.warning(sentence)
        # MONAI's first axis of a picture is its width.
        labels = prediction.labels if prediction.labels.ndim == 3 else prediction.labels.T
        affine = None if prediction.affine is None else torch.from_numpy(prediction.affine)
        data["pred"] = MetaTensor(torch.from_numpy(labels.copy()), affine=affine)
        return data

    def logits(self, image: str) -> torch.Tensor:
        """Return the logits (channel, x, y[, z]) of an image."""
        return self._predictor({}, "cuda" if torch.cuda.is_available() else "cpu").logits(image)

    def _predictor(self, request: dict[str, Any], device: str) -> Predictor:
        """Return the predictor with the weights that a request asks for; it is built again when they have changed."""
        asked = request.get("model_filename") or []
        name = asked if isinstance(asked, str) else next(iter(asked), "model.pt")
        weights = Path(self.bundle_path, "models", name)
        if not weights.is_file():
            weights = weights.with_name("model.pt")
        changed = os.stat(weights).st_mtime
        key = weights, device
        if key not in self._ready or self._ready[key][0] != changed:
            self._ready[key] = changed, load_bundle(self.bundle_path, device=device, weights=weights)
        return self._ready[key][1]
