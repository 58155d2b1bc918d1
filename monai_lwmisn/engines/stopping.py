"""Ends a training early, on a loss that is not finite."""

from __future__ import annotations

import math

from ignite.engine import Engine, Events
from monai.handlers import from_engine

from monai_lwmisn.errors import TrainingError

_loss_of = from_engine(["loss"], first=True)


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
        loss = float(_loss_of(engine.state.output))
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} in epoch {engine.state.epoch}: resume with a lower learning rate, "
                "for example --resume --set train.learning_rate=0.001."
            )
