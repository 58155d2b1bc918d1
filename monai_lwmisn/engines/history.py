"""What is seen of a run: a progress bar, a line per epoch, history.jsonl, TensorBoard."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Engine, Events
from ignite.handlers import ProgressBar
from torch.utils.tensorboard import SummaryWriter

from monai_lwmisn.files import write_atomically

__all__ = ["BatchProgress", "EpochHistory", "read_history"]


class BatchProgress:
    """
    Shows the iterations of an epoch and the time left; silent on ranks above 0 and outside a terminal.

    Args:
        description: stands before the bar.
    """

    def __init__(self, description: str) -> None:
        self.description = description

    def attach(self, engine: Engine) -> None:
        """Register with ``engine``."""
        ProgressBar(desc=self.description, disable=None if idist.get_rank() == 0 else True).attach(engine)


def read_history(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The epochs in a history.jsonl, oldest first; a last line cut short by a killed process is left out."""
    epochs: list[dict[str, Any]] = []
    if not Path(path).exists():
        return epochs
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            epochs.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return epochs


class EpochHistory:
    """
    At the end of every epoch, appends one JSON object to a file, prints a line of it with the time left, and passes its
    numbers to TensorBoard.

    An object holds ``epoch``, ``seconds`` and the given values, numbers unrounded. When a run starts, epochs that the
    engine has not completed are dropped from the file: all in a fresh run, those after the checkpoint in a resumed one.
    In a distributed run only rank 0 writes and prints; the values are computed on every rank.

    Args:
        folder: the folder of history.jsonl and of the TensorBoard events; it is made.
        values: by name, functions of the engine that give a JSON value, or None for "nothing this epoch". A dictionary
            of numbers becomes one TensorBoard scalar ``name/key`` each; only numbers are printed.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        values: Mapping[str, Callable[[Engine], Any]],
    ) -> None:
        self.path = Path(folder) / "history.jsonl"
        self.values = dict(values)
        self._writer: Any = None
        self._lines: list[dict[str, Any]] = []
        self._run_start = self._epoch_start = 0.0
        self._first_epoch = 0

    def attach(self, engine: Engine) -> None:
        """Register with ``engine``. Attach after the handlers that compute the values."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._finish_epoch)
        engine.add_event_handler(Events.COMPLETED, self._close)

    def _start(self, engine: Engine) -> None:
        self._run_start = time.monotonic()
        self._first_epoch = engine.state.epoch
        self._lines = [line for line in read_history(self.path) if line["epoch"] <= engine.state.epoch]
        self._write()
        if idist.get_rank() == 0:
            # Events of epochs that are run anew are hidden.
            self._writer = SummaryWriter(str(self.path.parent), purge_step=engine.state.epoch + 1)

    def _start_epoch(self, engine: Engine) -> None:
        self._epoch_start = time.monotonic()

    def _finish_epoch(self, engine: Engine) -> None:
        now = time.monotonic()
        line: dict[str, Any] = {"epoch": engine.state.epoch, "seconds": round(now - self._epoch_start, 3)}
        for name, value in self.values.items():
            result = value(engine)
            if result is not None:
                line[name] = result
        self._lines.append(line)
        self._write()
        if self._writer is not None:
            for name, number in _numbers(line):
                self._writer.add_scalar(name, number, engine.state.epoch)
            self._writer.flush()
        if idist.get_rank() == 0:
            epochs = engine.state.max_epochs or engine.state.epoch
            seconds_per_epoch = (now - self._run_start) / (engine.state.epoch - self._first_epoch)
            print(_readable(line, epochs, seconds_per_epoch * (epochs - engine.state.epoch)), flush=True)

    def _write(self) -> None:
        if idist.get_rank() == 0:
            write_atomically("".join(json.dumps(line) + "\n" for line in self._lines).encode(), self.path)

    def _close(self, engine: Engine) -> None:
        if self._writer is not None:
            self._writer.close()


def _numbers(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in line.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{key}", number) for key, number in _numbers(value))
        elif isinstance(value, (int, float)) and name != "epoch":
            yield name, value


def _readable(line: Mapping[str, Any], epochs: int, seconds_left: float) -> str:
    parts = [f"epoch {line['epoch']}/{epochs}"]
    for name, value in line.items():
        if name not in ("epoch", "seconds") and isinstance(value, (int, float)):
            parts.append(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}")
    parts.append(f"{line['seconds']:.1f} s, {timedelta(seconds=round(seconds_left))} left")
    return "  ".join(parts)
