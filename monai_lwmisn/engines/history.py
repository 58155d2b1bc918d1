"""Reports the progress of a run: a progress bar, a line per epoch, history.jsonl and TensorBoard."""

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

__all__ = ["SECONDS_LEFT", "BatchProgress", "EpochHistory", "read_history"]

SECONDS_LEFT = "seconds_left"
"""What a budget of time, as :class:`~monai_lwmisn.engines.stopping.TimeBudget`, leaves in the state of an engine."""


class BatchProgress:
    """Shows a progress bar of the iterations of an epoch, only on rank 0 and only in a terminal.

    ignite's ``ProgressBar``, which it uses, also shows on other ranks and in files.

    Args:
        description: text before the bar.
    """

    def __init__(self, description: str) -> None:
        self.description = description

    def attach(self, engine: Engine) -> None:
        """Register with ``engine``."""
        ProgressBar(desc=self.description, disable=None if idist.get_rank() == 0 else True).attach(engine)


def read_history(path: str | os.PathLike) -> list[dict[str, Any]]:
    """Return the epochs in a history.jsonl, oldest first, without a last line that a killed process left incomplete."""
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
    """Records every epoch in history.jsonl and TensorBoard, and prints a line with the time left.

    A line of history.jsonl is a JSON object with ``epoch``, ``of`` (the last epoch), ``seconds`` and the given values,
    unrounded. When a run
    starts, epochs that the engine has not completed are removed from the file: all of them in a new run, those after
    the checkpoint in a resumed run. In a distributed run every rank computes the values, but only rank 0 writes and
    prints.

    MONAI's ``StatsHandler`` and ``TensorBoardStatsHandler`` do not remove the epochs that a resumed run repeats, and
    write no file that a program can read.

    Args:
        folder: folder of history.jsonl and of the TensorBoard events; it is made if missing.
        values: functions of the engine by name. Each returns a JSON value, or None for no value in this epoch. A
            dictionary of numbers gives one TensorBoard scalar ``name/key`` per number. Only numbers are printed.
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
        """Register with ``engine``, after the handlers that compute the values."""
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
            # purge_step hides the events of epochs that are repeated.
            self._writer = SummaryWriter(str(self.path.parent), purge_step=engine.state.epoch + 1)

    def _start_epoch(self, engine: Engine) -> None:
        self._epoch_start = time.monotonic()

    def _finish_epoch(self, engine: Engine) -> None:
        now = time.monotonic()
        epochs = engine.state.max_epochs or engine.state.epoch
        line: dict[str, Any] = {
            "epoch": engine.state.epoch,
            "of": epochs,
            "seconds": round(now - self._epoch_start, 3),
        }
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
            seconds_per_epoch = (now - self._run_start) / (engine.state.epoch - self._first_epoch)
            left = seconds_per_epoch * (epochs - engine.state.epoch)
            limit = getattr(engine.state, SECONDS_LEFT, left)
            # A budget of time ends a training long before its last epoch.
            print(_readable(line, epochs if left <= limit else 0, max(0.0, min(left, limit))), flush=True)

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
        elif isinstance(value, (int, float)) and name not in ("epoch", "of"):
            yield name, value


def _readable(line: Mapping[str, Any], epochs: int, seconds_left: float) -> str:
    parts = [f"epoch {line['epoch']}" + (f"/{epochs}" if epochs else "")]
    for name, value in line.items():
        if name not in ("epoch", "of", "seconds") and isinstance(value, (int, float)):
            words = name.replace("_", " ").replace("dsc", "Dice")
            parts.append(f"{words} {value:.4g}" if isinstance(value, float) else f"{words} {value}")
    parts.append(f"{line['seconds']:.1f} s, {timedelta(seconds=round(seconds_left))} left")
    return "  ".join(parts)
