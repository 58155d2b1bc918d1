"""Ends a training early: on a loss that is not finite, or when its time is used up."""

from __future__ import annotations

import math
import os
import time
from typing import Any

from ignite.engine import Engine, Events

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import TrainingError


class FiniteLoss:
    """Raises an error when the loss of a training is infinite or not a number, from which no network recovers.

    ignite's ``TerminateOnNan`` stops the loop without an error, so the run would look finished and keep its last
    weights.

    Raises:
        TrainingError: the loss of an iteration is not finite; raised by the training.
    """

    def attach(self, engine: Engine) -> None:
        """Register with the trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Check the loss of this iteration."""
        output: Any = engine.state.output
        loss = float((output[0] if isinstance(output, list) else output)["loss"])  # a list where it is decollated
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} in epoch {engine.state.epoch}: resume with a lower learning rate, "
                "for example --resume --set train.learning_rate=0.001."
            )


class TimeBudget:
    """Ends a training with the epoch in which its time is used up, and lets that epoch be validated as the last one.

    ignite's ``TimeLimit`` stops in the middle of an epoch without a validation, and does not count the time before a
    resumption.

    Args:
        seconds: time for training and validation together, including the time before a resumption.
        history: the training's history.jsonl.
    """

    def __init__(self, seconds: float, history: str | os.PathLike) -> None:
        self.seconds = seconds
        self.history = history
        self._start = 0.0

    def attach(self, engine: Engine) -> None:
        """Register with the trainer, before the handlers that act in the last epoch."""
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _begin(self, engine: Engine) -> None:
        done = sum(line["seconds"] for line in read_history(self.history) if line["epoch"] <= engine.state.epoch)
        self._start = time.monotonic() - done
        if done >= self.seconds:
            # The time was used up before the resumption, so there is no further epoch.
            engine.state.max_epochs = engine.state.epoch

    def __call__(self, engine: Engine) -> None:
        """End the training if the time is used up."""
        if time.monotonic() - self._start >= self.seconds:
            engine.state.max_epochs = engine.state.epoch
