"""Chooses the image to label next: the one that the network is least sure of. Needs monailabel."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import torch
from monailabel.interfaces.tasks.strategy import Strategy

MOST_SCORED = 32
"""Images that are segmented for one request. The others wait for the next, so that a large study answers soon."""


def mean_entropy(logits: torch.Tensor) -> float:
    """Return the mean over voxels of the entropy of a prediction: 0 where it is sure, 1 where all classes are alike.

    Args:
        logits: (channels, ...). One channel is foreground against background, several are classes.
    """
    logits = logits.float()
    if logits.shape[0] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits])
    log_probability = torch.log_softmax(logits, dim=0)
    entropy = -(log_probability.exp() * log_probability).sum(dim=0)
    return float(entropy.mean()) / math.log(logits.shape[0])


class Uncertainty(Strategy):
    """Offers the image without a label whose prediction has the largest :func:`mean_entropy`.

    Scores are kept until the weights change.

    Args:
        infers: the inference tasks by the name of their model. A request without ``model`` gets the first.
    """

    def __init__(self, infers: Mapping[str, Any]) -> None:
        super().__init__("Get the image that the network is least sure of")
        self.infers = infers
        self._scores: dict[tuple[str, str, float], float] = {}

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any] | None:
        """Return the ``id`` and ``uncertainty`` of an image; None when all are labelled."""
        images = datastore.get_unlabeled_images(request.get("label_tag"), request.get("labels"))
        if not images:
            return None
        model = request.get("model") or next(iter(self.infers))
        task = self.infers[model]
        changed = os.stat(task.get_path()).st_mtime
        keys = {image: (model, image, changed) for image in images}
        for image in [image for image, key in keys.items() if key not in self._scores][:MOST_SCORED]:
            self._scores[keys[image]] = mean_entropy(task.logits(datastore.get_image_uri(image)))
        scores = {image: self._scores[key] for image, key in keys.items() if key in self._scores}
        image = max(scores, key=lambda name: scores[name])
        return {"id": image, "uncertainty": scores[image]}
