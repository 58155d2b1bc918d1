"""The upper level of the search: a step on alpha before each step on the weights (DARTS, first order)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import SupervisedTrainer
from torch.utils.data import DataLoader

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.nas.objective import CostObjective


class ArchitectureStep:
    """Steps alpha on images of its own at the start of every iteration of the trainer that steps the weights.

    The weights learn from the training part, alpha from the validation part (paper, section 2.3, read as the
    first-order bilevel scheme of DARTS). The loader is begun anew with each epoch, so that an epoch's batches depend on
    nothing but its seed.

    Args:
        loader: batches for alpha.
        optimizer: over alpha alone.
        lr_scheduler: of that optimizer; steps after each epoch in which alpha moved.
        loss_function: of logits and labels.
        objective: the terms that depend on alpha alone.
        warmup_epochs: first epochs in which alpha stands still, so that operations which learn slowly are not discarded
            before they have learnt anything.
    """

    def __init__(
        self,
        loader: DataLoader,
        optimizer: torch.optim.Optimizer,
        lr_scheduler: torch.optim.lr_scheduler.LRScheduler,
        loss_function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        objective: CostObjective,
        warmup_epochs: int = 0,
    ) -> None:
        self.loader, self.optimizer, self.lr_scheduler = loader, optimizer, lr_scheduler
        self.loss_function, self.objective = loss_function, objective
        self.warmup_epochs = warmup_epochs
        self.last_loss: float | None = None
        self._batches: Iterator[dict[str, Any]] = iter(())

    def attach(self, engine: Engine) -> None:
        """Register with ``engine``, after the handler that seeds the epoch.

        Raises:
            ConfigError: when the warm-up leaves no epoch in which alpha moves.
        """
        epochs = engine.state.max_epochs
        if epochs is not None and self.warmup_epochs >= epochs:
            raise ConfigError(
                f"search_warmup_epochs is {self.warmup_epochs} and search_epochs {epochs}, "
                "so nothing would be searched: give more epochs, or a shorter warm-up."
            )
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        engine.add_event_handler(Events.ITERATION_STARTED, self)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._finish_epoch)

    def _start_epoch(self, engine: Engine) -> None:
        self.last_loss = None
        if engine.state.epoch > self.warmup_epochs:
            self._batches = iter(self.loader)

    def _finish_epoch(self, engine: Engine) -> None:
        if engine.state.epoch > self.warmup_epochs:
            self.lr_scheduler.step()

    def __call__(self, engine: SupervisedTrainer) -> None:
        """One step on alpha."""
        if engine.state.epoch <= self.warmup_epochs:
            return
        batch = next(self._batches, None)
        if batch is None:
            self._batches = iter(self.loader)
            batch = next(self._batches)
        images, labels = engine.prepare_batch(batch, engine.state.device, engine.non_blocking)
        engine.network.train()
        self.optimizer.zero_grad()
        with torch.autocast(images.device.type, enabled=engine.amp):
            loss = self.loss_function(engine.inferer(images, engine.network), labels)
        loss = loss + self.objective()
        if engine.scaler is None:
            loss.backward()
            self.optimizer.step()
        else:
            engine.scaler.scale(loss).backward()
            engine.scaler.step(self.optimizer)
            engine.scaler.update()
        self.last_loss = float(loss.detach())
