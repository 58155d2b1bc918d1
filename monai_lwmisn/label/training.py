"""Training in the server, whose weights are served only when it is done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from monailabel.tasks.train.bundle import BundleTrainTask

from monai_lwmisn.errors import DataError

LEARNING_RATE = 0.001
"""To go on from weights that know the task; a quarter of what they were trained with."""


class SafeTrainTask(BundleTrainTask):
    """
    Trains a bundle on the labelled images, from the served weights or, without ``pretrained``, from random ones.

    What is best on the validation images is put beside the served weights and takes their place at the end: a training
    that fails or is stopped changes nothing. Without images to validate on, those learned from are taken.

    Args:
        path: the bundle's folder.
        conf: of the server.
    """

    def __init__(self, path: str, conf: dict[str, str]) -> None:
        super().__init__(path, conf, load_strict=True)
        self._learning_rate: float | None = None

    def __call__(self, request: dict[str, Any], datastore: Any) -> dict[str, Any]:
        """Train, and serve the new weights."""
        if not self._fetch_datalist(request, datastore):
            raise DataError("No image has a label yet: label some, and save them, before training.")
        # A bundle has no learning rate that a request could set, so it goes with the weights.
        self._learning_rate = LEARNING_RATE if request.get("pretrained", True) else None
        if not torch.cuda.is_available():
            request["device"] = "cpu"
        candidate = self._candidate
        candidate.unlink(missing_ok=True)
        handlers = self.bundle_config.get(self.const.key_train_handlers(), [])
        loaders = len(handlers)
        try:
            result = super().__call__(request, datastore)
            os.replace(candidate, candidate.with_name("model.pt"))
        finally:
            del handlers[: len(handlers) - loaders]  # of the weights this training began with
            candidate.unlink(missing_ok=True)
        return result

    @property
    def _candidate(self) -> Path:
        return Path(self.bundle_path, "models", ".candidate.pt")

    def _load_checkpoint(self, model_pytorch: str, pretrained: bool, train_handlers: list[Any]) -> None:
        if pretrained:  # MONAI's own fails without
            super()._load_checkpoint(model_pytorch, pretrained, train_handlers)

    def _update_overrides(self, overrides: dict[str, Any]) -> dict[str, Any]:
        overrides["validate#best#path"] = str(self._candidate)
        if not overrides.get(self.const.key_validate_dataset_data()):
            overrides[self.const.key_validate_dataset_data()] = overrides[self.const.key_train_dataset_data()]
        if self._learning_rate is not None:
            overrides["train_learning_rate"] = self._learning_rate
        return overrides
