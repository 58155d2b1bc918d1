"""When a network is judged while it is trained."""

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


def history_values(
    optimizer: torch.optim.Optimizer, evaluator: Evaluator, best: BestWeights
) -> dict[str, Callable[[Engine], Any]]:
    """Return what a training writes to its history, for :class:`~monai_lwmisn.engines.history.EpochHistory`.

    Args:
        optimizer: for the learning rate.
        evaluator: for the Dice of the validation, in epochs that are validated.
        best: for the best Dice so far.
    """

    def validated(trainer: Engine) -> float | None:
        return evaluator.state.metrics["dsc"] if evaluator.state.epoch == trainer.state.epoch else None

    return {
        "loss": lambda trainer: trainer.state.metrics["loss"],
        "learning_rate": lambda trainer: optimizer.param_groups[0]["lr"],
        "validation_dsc": validated,
        "best_dsc": lambda trainer: best.best,
    }
