"""Runs `lwmisn` and kills it, or fills its disk, at a given step of its writing.

A step is a change of a folder: a file opened for writing, each write to it, its closing; a file or folder made, renamed
or removed. Between two steps nothing on the disk changes, so a kill at each of them is a kill at any moment. The place
of a step does not depend on the speed of the machine.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from monai_lwmisn import cli
from monai_lwmisn.studies import costs

NOT_REPEATED = ("seconds", "peak_memory_mb", "image")
"""Keys of results that are measured anew each time, as are all of latencies, or that name a place."""

_OPEN = open


class _Faults:
    """Counts the steps in a folder, and does what was asked for at one of them."""

    def __init__(self, kind: str, at: int, folder: Path) -> None:
        self.kind, self.at, self.folder, self.steps = kind, at, os.path.realpath(folder), 0
        self.process = os.getpid()

    def concerns(self, path: Any) -> bool:
        if not isinstance(path, (str, os.PathLike)) or os.getpid() != self.process:
            return False
        place, name = os.path.split(os.path.abspath(os.fspath(path)))
        # A bundle is made beside the place that it will have.
        beside = os.path.join(os.path.dirname(self.folder), f".{os.path.basename(self.folder)}.partial")
        real = os.path.join(os.path.realpath(place), name)
        return any(f"{real}/".startswith(f"{root}/") for root in (self.folder, beside))

    def step(self, file: Any = None, content: Any = b"") -> None:
        """Count a step; at the one that was asked for, write half of the content and do it."""
        self.steps += 1
        if self.kind == "count":
            Path(f"{self.folder}.steps").write_text(str(self.steps))
        elif self.kind == "kill" and self.steps == self.at:
            if file is not None:
                file.write(content[: len(content) // 2])
                file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.kind == "full" and self.steps >= self.at and file is not None:
            file.write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open(self, path: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        """Open a file; one for writing in the folder counts what is done with it."""
        if not set(mode) & set("wax+") or not self.concerns(path):
            return _OPEN(path, mode, *arguments, **keywords)
        self.step()
        return _File(_OPEN(path, mode, *arguments, **keywords), self)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count renaming, making and removing."""
        if event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir") and any(map(self.concerns, arguments[:2])):
            self.step()


class _File:
    def __init__(self, file: Any, faults: _Faults) -> None:
        self._file, self._faults = file, faults

    def write(self, content: Any) -> int:
        self._faults.step(self._file, content)
        return int(self._file.write(content))

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._faults.step()

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def lwmisn_with_fault(kind: str, at: int, folder: Path, log: Path, *arguments: object) -> None:
    """Run `lwmisn` in this process with a fault, and end the process with its exit code.

    What it prints is in LOG.log afterwards.

    Args:
        kind: ``count`` writes the number of steps to FOLDER.steps; ``kill``; or ``full``, so that from the step on no
            write succeeds.
        at: the number of the step, from 1 on.
        folder: where steps are counted.
        log: LOG, a path without its ending.
        arguments: of `lwmisn`.
    """
    sys.stdout = sys.stderr = _OPEN(f"{log}.log", "w", buffering=1)
    costs.is_installed = lambda runtime: False  # ONNX, which takes most of the time of a comparison
    faults = _Faults(kind, at, folder)
    builtins.open = io.open = faults.open  # type: ignore[assignment]
    sys.addaudithook(faults.audit)
    sys.exit(cli.main([str(argument) for argument in arguments]))


def result_of(out: Path) -> dict[str, Any]:
    """Return what a command made, by path: weights bit for bit, and all else but times and places of this machine."""
    found: dict[str, Any] = {}
    for file in sorted(path for path in out.rglob("*") if path.is_file()):
        name = str(file.relative_to(out))
        if "tfevents" in name or name.startswith("cache"):
            continue
        if file.suffix == ".pt":
            found[name] = _plain(torch.load(file, weights_only=True))
        elif file.suffix in (".json", ".jsonl"):
            text = file.read_text().replace(str(out), "OUT")
            found[name] = _timeless(
                [json.loads(line) for line in text.splitlines()] if "jsonl" in name else json.loads(text)
            )
        else:
            found[name] = file.read_bytes()
    return found


def _timeless(content: Any) -> Any:
    if isinstance(content, dict):
        kept = [key for key in content if key not in NOT_REPEATED and not key.startswith("latency")]
        return {key: _timeless(content[key]) for key in kept}
    return [_timeless(value) for value in content] if isinstance(content, list) else content


def _plain(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return str(state.dtype), tuple(state.shape), state.numpy().tobytes()
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return [_plain(value) for value in state] if isinstance(state, (list, tuple)) else state
