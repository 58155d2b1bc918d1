"""When a network is judged while it is trained."""

from __future__ import annotations

from ignite.engine import CallableEventWithFilter, Engine, Events
from monai.engines import Evaluator
from monai.handlers import ValidationHandler

__all__ = ["PeriodicValidation", "every_and_last"]


def every_and_last(interval: int) -> CallableEventWithFilter:
    """The end of every ``interval``-th epoch and of the last one."""

    def is_due(engine: Engine, epoch: int) -> bool:
        return epoch % interval == 0 or epoch == engine.state.max_epochs

    return Events.EPOCH_COMPLETED(event_filter=is_due)


class PeriodicValidation(ValidationHandler):
    """
    MONAI's handler, but the last epoch is always validated, so that every training ends with weights to keep.

    Args:
        interval: number of epochs.
        validator: the evaluator to run.
    """

    def __init__(self, interval: int, validator: Evaluator) -> None:
        super().__init__(interval, validator)

    def attach(self, engine: Engine) -> None:
        """Register with the trainer."""
        engine.add_event_handler(every_and_last(self.interval), self)
