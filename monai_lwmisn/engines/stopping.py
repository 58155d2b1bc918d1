"""Ends a search or training: one whose loss is not finite, one that goes on later, and one whose time is up."""

from __future__ import annotations

import math
import os
import time
from typing import Any

from ignite.engine import Engine, Events

from monai_lwmisn.engines.history import SECONDS_LEFT, read_history
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


class StopAfter:
    """Makes an epoch the last one of a training that goes on later. The learning rate falls as if it were not.

    Args:
        epoch: the last epoch. Attach this before the handlers that act on the last epoch.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def attach(self, engine: Engine) -> None:
        """Register with the trainer."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Set the last epoch."""
        engine.state.max_epochs = self.epoch


class TimeBudget:
    """Makes the epoch that exceeds a budget of time the last one.

    ``ignite.handlers.TimeLimit`` terminates the trainer at once: the last epoch is not validated, and the time before a
    resumption does not count. Here the last epoch is completed and validated like any last epoch.

    Args:
        seconds: budget of training and validation together, including the time before a resumption.
        folder: the folder of the training's history.jsonl.
    """

    def __init__(self, seconds: float, folder: str | os.PathLike[str]) -> None:
        self.seconds = seconds
        self.history = os.path.join(folder, "history.jsonl")
        self._start = 0.0

    def attach(self, engine: Engine) -> None:
        """Register with the trainer. Attach it before the handlers that act on the last epoch."""
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _begin(self, engine: Engine) -> None:
        done = sum(line["seconds"] for line in read_history(self.history) if line["epoch"] <= engine.state.epoch)
        self._start = time.monotonic() - done
        if done >= self.seconds:
            # The budget had ended this training before; it is resumed for its result alone.
            engine.state.max_epochs = engine.state.epoch

    def __call__(self, engine: Engine) -> None:
        """Make this epoch the last one if the budget is used up; tell the history what is left of it."""
        left = self.seconds - (time.monotonic() - self._start)
        setattr(engine.state, SECONDS_LEFT, left)
        if left <= 0:
            engine.state.max_epochs = engine.state.epoch
