"""Schedules the validation of a network during its training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from ignite.engine import CallableEventWithFilter, Engine, Events
from monai.engines import Evaluator
from monai.handlers import ValidationHandler

from monai_lwmisn.training.best_weights import BestWeights

__all__ = ["PeriodicValidation", "every_and_last", "history_values"]


def every_and_last(interval: int) -> CallableEventWithFilter:
    """Return the event at the end of every ``interval``-th epoch and of the last epoch."""

    def is_due(engine: Engine, epoch: int) -> bool:
        return epoch % interval == 0 or epoch == engine.state.max_epochs

    return Events.EPOCH_COMPLETED(event_filter=is_due)


class PeriodicValidation(ValidationHandler):
    """Validates every ``interval``-th epoch and the last epoch, so that every training ends with weights to keep.

    MONAI's ``ValidationHandler`` leaves the last epoch out if it is not a multiple of ``interval``.

    Args:
        interval: number of epochs from one validation to the next.
        validator: the evaluator to run.
    """

    def __init__(self, interval: int, validator: Evaluator) -> None:
        super().__init__(interval, validator)

    def attach(self, engine: Engine) -> None:
        """Register with the trainer."""
        engine.add_event_handler(every_and_last(self.interval), self)


def history_values(
    optimizer: torch.optim.Optimizer, evaluator: Evaluator, best: BestWeights
) -> dict[str, Callable[[Engine], Any]]:
    """Return the values of a training for :class:`~monai_lwmisn.engines.history.EpochHistory`.

    Args:
        optimizer: gives the learning rate.
        evaluator: gives the mean DSC of the validation, in epochs with a validation.
        best: gives the best DSC so far.
    """

    def validated(trainer: Engine) -> float | None:
        return evaluator.state.metrics["dsc"] if evaluator.state.epoch == trainer.state.epoch else None

    return {
        "loss": lambda trainer: trainer.state.metrics["loss"],
        "learning_rate": lambda trainer: optimizer.param_groups[0]["lr"],
        "validation_dsc": validated,
        "best_dsc": lambda trainer: best.best,
    }
