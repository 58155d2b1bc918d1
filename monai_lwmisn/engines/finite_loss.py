"""The handler that makes a run fail when its loss is not finite."""

from __future__ import annotations

import math

from ignite.engine import Engine, Events
from monai.handlers import from_engine

from monai_lwmisn.errors import TrainingError

_loss_of = from_engine(["loss"], first=True)


class FiniteLoss:
    """Makes a run fail when its loss is infinite or not a number.

    ``ignite.handlers.TerminateOnNan`` ends the run without an error, so the run would count as finished and its weights
    would be kept. This handler raises an error with a remedy.
    """

    def attach(self, engine: Engine) -> None:
        """Register with the trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Check the loss of this iteration.

        Raises:
            TrainingError: the loss is not finite.
        """
        loss = float(_loss_of(engine.state.output))
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} in epoch {engine.state.epoch}: resume with a lower learning rate, "
                "for example --resume --set train.learning_rate=0.001."
            )
