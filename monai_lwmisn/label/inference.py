"""Inference in the server: the masks are those of :func:`monai_lwmisn.predict`. Needs monailabel."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from monai.data import MetaTensor
from monailabel.tasks.infer.bundle import BundleInferTask

from monai_lwmisn.inference.predict import Predictor, load_bundle
from monai_lwmisn.label.onnx_files import TORCH, onnx_file
from monai_lwmisn.light.predictor import LightPredictor, load

logger = logging.getLogger(__name__)
Ready = TypeVar("Ready")


class UntilChanged(Generic[Ready]):
    """Keeps what was made of files of weights, and makes it again when they have changed.

    Args:
        make: gets a file of weights and the device.
    """

    def __init__(self, make: Callable[[Path, str], Ready]) -> None:
        self._make = make
        self._kept: dict[tuple[Path, str], tuple[float, Ready]] = {}

    def __call__(self, weights: Path, device: str) -> Ready:
        """Return what belongs to the weights of now."""
        changed, key = os.stat(weights).st_mtime, (weights, device)
        if key not in self._kept or self._kept[key][0] != changed:
            self._kept[key] = changed, self._make(weights, device)
        return self._kept[key][1]


class PredictTask(BundleInferTask):
    """Segments the images of a study with a bundle.

    MONAI's own task takes the transforms out of the configuration and runs them itself. It warns of weights that do not
    fit, and goes on. This one calls the predictor that every other program calls.

    Args:
        path: the folder of the bundle.
        conf: options of the server, of which ``runtime`` says what executes the network for masks.
    """

    def __init__(self, path: str, conf: dict[str, str]) -> None:
        super().__init__(path, conf)
        self._torch = UntilChanged(lambda weights, device: load_bundle(path, device=device, weights=weights))
        self._runtime = conf.get("runtime", TORCH)
        self._predictors: UntilChanged[Predictor] | UntilChanged[LightPredictor] = self._torch
        if self._runtime != TORCH:
            self._predictors = UntilChanged(self._load_light)

    def pre_transforms(self, data: Any = None) -> Sequence[Callable]:
        """Return none: the predictor reads the file."""
        return []

    def post_transforms(self, data: Any = None) -> Sequence[Callable]:
        """Return none: the predictor gives the mask on the grid of the file."""
        return []

    def run_inferer(self, data: dict[str, Any], convert_to_batch: bool = True, device: str = "cuda") -> dict[str, Any]:
        """Set ``pred``, the label map of an image: (x, y, z) of a volume, (x, y) of a picture."""
        prediction = self._predictors(self._weights(data), device)(data["image"])
        for sentence in prediction.warnings:
            logger.warning(sentence)
        # MONAI's first axis of a picture is its width.
        labels = prediction.labels if prediction.labels.ndim == 3 else prediction.labels.T
        affine = None if prediction.affine is None else torch.from_numpy(prediction.affine)
        data["pred"] = MetaTensor(torch.from_numpy(labels.copy()), affine=affine)
        return data

    def logits(self, image: str) -> torch.Tensor:
        """Return the logits (channel, x, y[, z]) of an image, which are torch's with any runtime."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return self._torch(self._weights({}), device).logits(image)

    def _weights(self, request: dict[str, Any]) -> Path:
        """Return the file of weights that a request asks for."""
        asked = request.get("model_filename") or []
        name = asked if isinstance(asked, str) else next(iter(asked), "model.pt")
        weights = Path(self.bundle_path, "models", name)
        return weights if weights.is_file() else weights.with_name("model.pt")

    def _load_light(self, weights: Path, device: str) -> LightPredictor:
        # "cuda" is what a request has that names no device.
        return load(onnx_file(weights), runtime=self._runtime, device="cpu" if device == "cpu" else "auto")
