"""Training in the server. Its weights are served when it is done, not before. Needs monailabel."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine
from monailabel.interfaces.datastore import DefaultLabelTag
from monailabel.tasks.train.bundle import BundleTrainTask
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from monai_lwmisn.errors import DataError
from monai_lwmisn.label.onnx_files import TORCH, onnx_file, path_of
from monai_lwmisn.label.structures import with_classes_of
from monai_lwmisn.networks.weights import load_checkpoint, save_atomically

LEARNING_RATE = 0.0001
"""For a training that begins with the served weights. A larger one loses more than a few images give, see
docs/results/label.md."""


def mean_weights(served: Mapping[str, torch.Tensor], learned: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the mean of the served weights and those that were learned from them.

    A network between the two keeps most of what it knew and has most of what it learned (Wortsman et al., "Robust
    fine-tuning of zero-shot models", CVPR 2022). This matters where it was trained on a few images.

    Args:
        served: the state_dict that the training began with.
        learned: the state_dict that it ended with. What is no floating-point number is taken from it.
    """
    return {
        name: torch.lerp(served[name], value, 0.5) if value.is_floating_point() else value
        for name, value in learned.items()
    }


class KeepStatistics:
    """Keeps the statistics of batch normalisation as they are: those of a few images would be worse.

    Args:
        network: the network that is trained.
    """

    def __init__(self, network: nn.Module) -> None:
        self._layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]

    def attach(self, engine: Engine) -> None:
        """Register with the trainer, which sets the whole network to training mode in each iteration."""
        for layer in self._layers:
            layer.register_forward_pre_hook(_to_evaluation_mode)


def _to_evaluation_mode(layer: nn.Module, _: Any) -> None:
    layer.eval()


class SafeTrainTask(BundleTrainTask):
    """Trains a bundle on the labelled images, from the served weights or, without ``pretrained``, from random ones.

    What a value of a label means is what its client said, see :mod:`.structures`.

    The weights that are best on the validation images are written beside the served ones and replace them at the end,
    so that a training that fails or is stopped changes nothing. Without validation images the last weights are taken.

    Args:
        path: the folder of the bundle.
        conf: options of the server.
    """

    def __init__(self, path: str, conf: dict[str, str]) -> None:
        super().__init__(path, conf, load_strict=True)
        names = self.bundle_config["data"]["label_names"]
        self._classes = {name.lower(): int(value) for value, name in names.items()}
        self._pretrained = True
        self._learning_rate: float | None = None

    def config(self) -> dict[str, Any]:
        """Return what a request may set, with the defaults."""
        return {**super().config(), "learning_rate": LEARNING_RATE}

    def __call__(self, request: dict[str, Any], datastore: Any) -> dict[str, Any]:
        """Train, then serve the new weights."""
        if not self._fetch_datalist(request, datastore):
            structures = ", ".join(self._classes)
            raise DataError(f"No image has a label of {structures} yet: label some, and save them, before training.")
        self._pretrained = request.get("pretrained", True)
        default = LEARNING_RATE if self._pretrained else None
        self._learning_rate = request.get("learning_rate") or default
        request["run_id"] = request.get("run_id") or "run"  # 3D Slicer's plug-in sends an empty text
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
                save_atomically(mean_weights(load_checkpoint(served), learned), candidate)
            if self.conf.get("runtime", TORCH) != TORCH:
                os.replace(onnx_file(candidate), path_of(served))  # made before the weights are served
            os.replace(candidate, served)
        finally:
            del handlers[: len(handlers) - loaders]  # that load the weights this training began with
            candidate.unlink(missing_ok=True)
            path_of(candidate).unlink(missing_ok=True)
        return result

    def _fetch_datalist(self, request: dict[str, Any], datastore: Any) -> list[dict[str, str]]:
        final = {
            image: one["labels"][DefaultLabelTag.FINAL]
            for image, one in datastore.json()["objects"].items()
            if DefaultLabelTag.FINAL in one["labels"]
        }
        described = {f"{image}{label['ext']}": label["info"].get("label_info") for image, label in final.items()}
        items = super()._fetch_datalist(request, datastore)
        return with_classes_of(items, described, self._classes, Path(self.bundle_path, ".labels"))

    @property
    def _candidate(self) -> Path:
        return Path(self.bundle_path, "models", ".candidate.pt")

    def _load_checkpoint(self, model_pytorch: str, pretrained: bool, train_handlers: list[Any]) -> None:
        if pretrained:  # MONAI's own fails without
            super()._load_checkpoint(model_pytorch, pretrained, train_handlers)
            train_handlers.insert(0, {"_target_": f"{__name__}.KeepStatistics", "network": "@network"})

    def _update_overrides(self, overrides: dict[str, Any]) -> dict[str, Any]:
        overrides["weights_file"] = str(self._candidate)
        data = self.const.key_validate_dataset_data()
        if not overrides.get(data):
            # With the validation part among the parts, the last weights are kept.
            overrides[data] = overrides[self.const.key_train_dataset_data()]
            overrides["train::parts"] = ["training", "validation"]
        if self._learning_rate is not None:
            overrides["train::learning_rate"] = self._learning_rate
        if self._pretrained:
            overrides["train::recalibration_batches"] = 0
        return overrides
