"""Writes the checkpoint of a running engine after each epoch, and resumes from it exactly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import ignite.distributed as idist
from ignite.engine import Engine, Events

from monai_lwmisn.errors import CheckpointError
from monai_lwmisn.networks.weights import load_checkpoint, save_atomically

__all__ = ["RunCheckpoint", "Stateful"]


class Stateful(Protocol):
    """Describes an object whose state is a dictionary of tensors and plain values: a network, an optimizer, ..."""

    def state_dict(self) -> Mapping[str, Any]: ...

    def load_state_dict(self, state_dict: Any) -> Any: ...


class RunCheckpoint:
    """Writes the complete state of a run once per epoch, and restores it.

    The file is written after every other handler of ``EPOCH_COMPLETED``, and once before the first epoch of a new run,
    so that an interrupted run always has one. The gradient scaler of a MONAI trainer (``engine.scaler``) is included.
    In a distributed run only rank 0 writes.

    MONAI's ``CheckpointSaver`` writes when its own handler is called, so what later handlers change in that epoch is
    missing in its file; it writes nothing before the first epoch, and it does not replace a file atomically.

    Args:
        folder: the folder of checkpoint.pt.
        objects: what to save, by name: networks (without their distributed wrapper), optimizers, schedulers, ...
    """

    def __init__(self, folder: str | os.PathLike, objects: Mapping[str, Stateful]) -> None:
        self.path = Path(folder) / "checkpoint.pt"
        self.objects = dict(objects)
        self._scaler_state: dict[str, Any] = {}

    def attach(self, engine: Engine) -> None:
        """Register with ``engine``."""
        engine.add_event_handler(Events.STARTED, self._start)

    def run(self, engine: Engine, resume: bool = False) -> None:
        """Run ``engine`` from its beginning, or with ``resume`` from the checkpoint; do nothing if the run is complete.

        Raises:
            CheckpointError: see :meth:`resume`, or the file cannot be written.
        """
        if resume:
            self.resume(engine)
            done, wanted = engine.state.epoch, engine.state.max_epochs
            if wanted is not None and done > wanted:
                raise CheckpointError(f"{self.path} has {done} epochs already, not {wanted}: ask for {done} or more.")
            if done == wanted:
                return
        engine.run()

    def resume(self, engine: Engine) -> None:
        """Restore all objects and the position of ``engine``; ``engine.run()`` then continues with the next epoch.

        Raises:
            CheckpointError: the file cannot be read, or belongs to another network, optimizer or amount of data.
        """
        state = load_checkpoint(self.path)
        position = engine.state
        saved = state.get("objects")
        if not isinstance(saved, dict) or saved.keys() != self.objects.keys():
            raise CheckpointError(f"{self.path} is the checkpoint of another kind of run: start without --resume.")
        if position.epoch_length is not None and position.epoch_length != state["epoch_length"]:
            raise CheckpointError(
                f"{self.path} was written with {state['epoch_length']} iterations per epoch, but now there are "
                f"{position.epoch_length}: use the same data and batch size, or start without --resume."
            )
        try:
            for name, item in self.objects.items():
                item.load_state_dict(saved[name])
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{self.path} does not fit the {name} of this run: use the same genotype and settings, "
                "or start without --resume."
            ) from error
        position.epoch = state["epoch"]
        position.iteration = state["iteration"]
        position.epoch_length = state["epoch_length"]
        self._scaler_state = state["scaler"]

    def _start(self, engine: Engine) -> None:
        scaler = getattr(engine, "scaler", None)
        if scaler is not None and self._scaler_state:
            scaler.load_state_dict(self._scaler_state)
        # Registering at the start makes this handler run after all handlers that were attached before.
        if engine.has_event_handler(self._write, Events.EPOCH_COMPLETED):
            engine.remove_event_handler(self._write, Events.EPOCH_COMPLETED)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._write)
        if engine.state.epoch == 0:
            self._write(engine)

    def _write(self, engine: Engine) -> None:
        if idist.get_rank() != 0:
            return
        scaler = getattr(engine, "scaler", None)
        state = {
            "epoch": engine.state.epoch,
            "iteration": engine.state.iteration,
            "epoch_length": engine.state.epoch_length,
            "scaler": scaler.state_dict() if scaler is not None else {},
            "objects": {name: item.state_dict() for name, item in self.objects.items()},
        }
        save_atomically(state, self.path)
