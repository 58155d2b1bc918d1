"""Training in the server, whose weights are served only when it is done."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine
from monailabel.tasks.train.bundle import BundleTrainTask
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from monai_lwmisn.errors import DataError
from monai_lwmisn.networks.weights import load_checkpoint, save_atomically

LEARNING_RATE = 0.0001
"""To go on from weights that know the task; a larger one loses more than a handful of images gives, see
docs/results/label.md."""


def mean_weights(served: Mapping[str, torch.Tensor], learned: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """
    Half way from the served weights to those that were learned from them.

    A network between the two keeps most of what it knew and has most of what it learned (Wortsman et al., "Robust
    fine-tuning of zero-shot models", CVPR 2022), which matters where a handful of images was learned from.
    """
    return {
        name: torch.lerp(served[name], value, 0.5) if value.is_floating_point() else value
        for name, value in learned.items()
    }


class KeepStatistics:
    """
    Lets batch normalisation go on with the statistics that it has: those of a handful of images would be worse.

    Args:
        network: the one that is trained.
    """

    def __init__(self, network: nn.Module) -> None:
        self._layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]

    def attach(self, engine: Engine) -> None:
        """Register with the trainer, which puts the whole network in training mode in each iteration."""
        for layer in self._layers:
            layer.register_forward_pre_hook(_to_evaluation_mode)


def _to_evaluation_mode(layer: nn.Module, _: Any) -> None:
    layer.eval()


class SafeTrainTask(BundleTrainTask):
    """
    Trains a bundle on the labelled images, from the served weights or, without ``pretrained``, from random ones.

    What is best on the validation images is put beside the served weights and takes their place at the end: a training
    that fails or is stopped changes nothing. Without images to validate on the last weights are taken.

    Args:
        path: the bundle's folder.
        conf: of the server.
    """

    def __init__(self, path: str, conf: dict[str, str]) -> None:
        super().__init__(path, conf, load_strict=True)
        self._pretrained = True
        self._learning_rate: float | None = None

    def config(self) -> dict[str, Any]:
        """What a request may set, with the defaults."""
        return {**super().config(), "learning_rate": LEARNING_RATE}

    def __call__(self, request: dict[str, Any], datastore: Any) -> dict[str, Any]:
        """Train, and serve the new weights."""
        if not self._fetch_datalist(request, datastore):
            raise DataError("No image has a label yet: label some, and save them, before training.")
        self._pretrained = request.get("pretrained", True)
        default = LEARNING_RATE if self._pretrained else None
        self._learning_rate = request.get("learning_rate") or default
        if not torch.cuda.is_available():
            request["device"] = "cpu"
        candidate = self._candidate
        candidate.unlink(missing_ok=True)
        handlers = self.bundle_config.get(self.const.key_train_handlers(), [])
        loaders = len(handlers)
        try:
            result = super().__call__(request, datastore)
            served = candidate.with_name("model.pt")
            if self._pretrained:
                learned = load_checkpoint(candidate)
                save_atomically(mean_weights(load_checkpoint(served), learned), served)
            else:
                os.replace(candidate, served)
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
            train_handlers.insert(0, {"_target_": f"{__name__}.KeepStatistics", "network": "@network"})

    def _update_overrides(self, overrides: dict[str, Any]) -> dict[str, Any]:
        overrides["validate#best#path"] = str(self._candidate)
        held_back = bool(overrides.get(self.const.key_validate_dataset_data()))
        if not held_back:
            overrides[self.const.key_validate_dataset_data()] = overrides[self.const.key_train_dataset_data()]
        if self.bundle_config.get("validate#best#newest") is not None:  # bundles of earlier releases have no such key
            overrides["validate#best#newest"] = not held_back
        if self._learning_rate is not None:
            overrides["train_learning_rate"] = self._learning_rate
        if self._pretrained:
            overrides["recalibration_batches"] = 0
        return overrides
