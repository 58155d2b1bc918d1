"""Saves the weights that are best on the validation data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Engine, Events
from torch import nn

from monai_lwmisn.networks.weights import save_atomically

__all__ = ["BestWeights"]


class BestWeights:
    """Writes the state_dict of a network whenever a metric of the evaluator is better than ever before.

    Attach it to the evaluator of the network, and put it in the run's checkpoint, so that a resumed run knows the best
    value. In a group of processes only rank 0 writes.

    MONAI's ``CheckpointSaver`` with ``save_key_metric`` keeps the best value in the evaluator, which no checkpoint of
    the training holds, so a resumed run would start without it.

    Args:
        network: the network that is validated.
        path: the file; its folder is made if missing.
        parts: the parts of the data that are learned from. If the validation part is among them, the newest weights are
            saved, because the metric then rewards overfitting.
        metric: name of the metric; larger is better.
    """

    def __init__(
        self, network: nn.Module, path: str | os.PathLike, parts: Sequence[str] = ("training",), metric: str = "dsc"
    ) -> None:
        self.network = network
        self.path = Path(path)
        self.metric = metric
        self.newest = "validation" in parts
        self.best: float | None = None
        self.epoch = 0

    def attach(self, engine: Engine) -> None:
        """Register with the evaluator."""
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Compare the metric with the best value, and write the weights if it is better."""
        value = float(engine.state.metrics[self.metric])
        if not self.newest and self.best is not None and not value > self.best:
            return
        self.best, self.epoch = value, engine.state.epoch
        if idist.get_rank() == 0:
            save_atomically(self.network.state_dict(), self.path)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far and its epoch."""
        return {"best": self.best, "epoch": self.epoch}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the best value and its epoch."""
        self.best, self.epoch = state_dict["best"], state_dict["epoch"]
