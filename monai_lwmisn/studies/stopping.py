"""Handlers that end the training of a network before its epochs are over."""

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
    """Ends a training whose loss has become infinite or no number, from which no network recovers.

    Raises:
        LWMISNError: then, from the training.
    """

    def attach(self, engine: Engine) -> None:
        """Register with the trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Look at the loss of this iteration."""
        loss = float(_loss_of(engine.state.output))
        if not math.isfinite(loss):
            raise LWMISNError(f"The loss is {loss} in epoch {engine.state.epoch}: try a lower learning rate.")


class TimeBudget:
    """Makes the epoch in which a budget of time is used up the last one, which is validated as a last one is.

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
