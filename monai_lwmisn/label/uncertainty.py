"""Which image is worth labelling next: the one that the network is least sure of."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import torch
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.tasks.infer.basic_infer import CallBackTypes

MOST_SCORED = 32
"""Images that are segmented for one request; the others wait for the next, so that nobody waits for a large study."""


def mean_entropy(logits: torch.Tensor) -> float:
    """
    Mean over voxels of the entropy of the prediction, from 0, sure, to 1, all classes alike.

    Args:
        logits: (channels, ...); one channel is foreground against background, several are classes.
    """
    logits = logits.float()
    if logits.shape[0] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits])
    log_probability = torch.log_softmax(logits, dim=0)
    entropy = -(log_probability.exp() * log_probability).sum(dim=0)
    return float(entropy.mean()) / math.log(logits.shape[0])


class Uncertainty(Strategy):
    """
    Offers the image without a label whose prediction has the largest :func:`mean_entropy`.

    Scores are kept until the weights change.

    Args:
        infers: the inference tasks by the name of their model; without ``model`` in a request the first is taken.
    """

    def __init__(self, infers: Mapping[str, Any]) -> None:
        super().__init__("Get the image that the network is least sure of")
        self.infers = infers
        self._scores: dict[tuple[str, str, float], float] = {}

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any] | None:
        """The image's ``id`` and ``uncertainty``; None when all are labelled."""
        images = datastore.get_unlabeled_images(request.get("label_tag"), request.get("labels"))
        if not images:
            return None
        model = request.get("model") or next(iter(self.infers))
        task = self.infers[model]
        changed = os.stat(task.get_path()).st_mtime
        keys = {image: (model, image, changed) for image in images}
        for image in [image for image, key in keys.items() if key not in self._scores][:MOST_SCORED]:
            self._scores[keys[image]] = _score(task, datastore.get_image_uri(image))
        scores = {image: self._scores[key] for image, key in keys.items() if key in self._scores}
        image = max(scores, key=lambda name: scores[name])
        return {"id": image, "uncertainty": scores[image]}


def _score(task: Any, image: str) -> float:
    scores: list[float] = []

    def look(data: dict[str, Any]) -> dict[str, Any]:
        scores.append(mean_entropy(data["pred"]))
        return data

    device = "cuda" if torch.cuda.is_available() else "cpu"
    request = {"image": image, "device": device, "skip_writer": True, "logging": "WARNING"}
    task(request, callbacks={CallBackTypes.INFERER: look})
    return scores[0]
