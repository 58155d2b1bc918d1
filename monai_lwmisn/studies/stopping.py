"""A handler that ends a training after a budget of time."""

from __future__ import annotations

import os
import time

from ignite.engine import Engine, Events

from monai_lwmisn.engines.history import read_history


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
        """Make this epoch the last one if the budget is used up."""
        if time.monotonic() - self._start >= self.seconds:
            engine.state.max_epochs = engine.state.epoch
