"""Handlers that end a training before its last epoch."""

from __future__ import annotations

import math
import os
import time

from ignite.engine import Engine, Events
from monai.handlers import from_engine

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import LWMISNError

_loss_of = from_engine(["loss"], first=True)


class FiniteLoss:
    """Makes a training fail when its loss is infinite or not a number.

    ``ignite.handlers.TerminateOnNan`` ends the training as if it were finished, so its trial would count as done with
    the weights of an earlier validation. Here the trial fails, and its reason is a sentence.
    """

    def attach(self, engine: Engine) -> None:
        """Register with the trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Check the loss of this iteration.

        Raises:
            LWMISNError: the loss is not finite.
        """
        loss = float(_loss_of(engine.state.output))
        if not math.isfinite(loss):
            raise LWMISNError(f"The loss is {loss} in epoch {engine.state.epoch}: try a lower learning rate.")


class TimeBudget:
    """Makes the epoch that exceeds a budget of time the last one.

    ``ignite.handlers.TimeLimit`` terminates the trainer at once: the last epoch is not validated, and the time before a
    resumption does not count. Here the last epoch is completed and validated like any last epoch.

    Args:
        seconds: budget of training and validation together, including the time before a resumption.
        history: the training's history.jsonl.
    """

    def __init__(self, seconds: float, history: str | os.PathLike) -> None:
        self.seconds = seconds
        self.history = history
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
        """Make this epoch the last one if the budget is used up."""
        if time.monotonic() - self._start >= self.seconds:
            engine.state.max_epochs = engine.state.epoch
