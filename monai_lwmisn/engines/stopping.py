"""Ends a search or training: one whose loss is not finite, and one that goes on later."""

from __future__ import annotations

import math
from typing import Any

from ignite.engine import Engine, Events

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
