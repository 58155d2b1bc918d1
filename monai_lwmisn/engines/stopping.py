"""Handlers that end a training before its epochs are over."""

from __future__ import annotations

import math
import os
import time

from ignite.engine import Engine, Events
from monai.handlers import from_engine

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import TrainingError

_loss_of = from_engine(["loss"], first=True)


class FiniteLoss:
    """Ends a training whose loss is infinite or not a number, from which no network recovers.

    ignite's ``TerminateOnNan`` stops the loop without an error, so the run would look finished and its last weights
    would be kept. This handler raises.

    Raises:
        TrainingError: from the training, in the iteration whose loss is not finite.
    """

    def attach(self, engine: Engine) -> None:
        """Register with the trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Check the loss of this iteration."""
        loss = float(_loss_of(engine.state.output))
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} in epoch {engine.state.epoch}: resume with a lower learning rate, "
                "for example --resume --set train.learning_rate=0.001."
            )


class TimeBudget:
    """Makes the epoch in which a budget of time is used up the last one, and validates it as a last epoch.

    ignite's ``TimeLimit`` stops in the middle of an epoch and validates nothing, and does not count the time before a
    resumption.

    Args:
        seconds: of training and validation together, those before a resumption included.
        history: the training's history.jsonl.
    """

    def __init__(self, seconds: float, history: str | os.PathLike) -> None:
        self.seconds = seconds
        self.history = history
        self._start = 0.0

    def attach(self, engine: Engine) -> None:
        """Register with the trainer. Attach before what is done in the last epoch."""
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _begin(self, engine: Engine) -> None:
        done = sum(line["seconds"] for line in read_history(self.history) if line["epoch"] <= engine.state.epoch)
        self._start = time.monotonic() - done
        if done >= self.seconds:
            # The budget had ended it before, and it is only resumed for its result.
            engine.state.max_epochs = engine.state.epoch

    def __call__(self, engine: Engine) -> None:
        """See whether the budget is used up."""
        if time.monotonic() - self._start >= self.seconds:
            engine.state.max_epochs = engine.state.epoch
