"""Starts a worker process, gives it jobs, reads its events without waiting, and ends it with its children."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from LWMISNLib.code import code_environment
from LWMISNLib.errors import SegmentationError

PACKAGE = Path(__file__).parent

Event = dict[str, Any]


def worker_python() -> str:
    """PythonSlicer, which comes with 3D Slicer and is on its path, or else the interpreter that runs this."""
    return shutil.which("PythonSlicer") or sys.executable


class Worker:
    """
    A process of :mod:`.worker` for one bundle, with a temporary folder of its own.

    Args:
        bundle: its folder.
        runtime: see :func:`.bundles.runtime_of`.
        python: the interpreter; None for :func:`worker_python`.

    Raises:
        SegmentationError: it cannot be started.
    """

    def __init__(self, bundle: Path, runtime: str, python: str | None = None) -> None:
        self.bundle, self.runtime = bundle, runtime
        self._read, self._partial = 0, b""
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="lwmisn-"))
        except OSError as error:
            raise SegmentationError(f"There is no room for temporary files ({error.strerror}): free some.") from error
        self.log = self.folder / "log.txt"
        # A group of its own, so that it can be ended with all that it may have started.
        group = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        try:
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    [python or worker_python(), "-m", f"{PACKAGE.name}.worker", str(bundle), str(self.folder), runtime],
                    cwd=PACKAGE.parent,
                    env=code_environment(bundle, runtime),
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    **group,
                )
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise SegmentationError(
                f"Python cannot be started ({error}): repair the installation of Slicer."
            ) from error

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def submit(self, job: dict[str, Any]) -> None:
        """Send a job, see :data:`.jobs.Job`.

        Raises:
            SegmentationError: the process has ended.
        """
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise SegmentationError(f"The worker has ended: {self._last_words()}") from error

    def events(self) -> list[Event]:
        """Return the events since the last call without waiting; a process that ended adds an event that says so."""
        ended = not self.alive  # asked first: what it wrote before it ended is read below
        events: list[Event] = []
        with contextlib.suppress(FileNotFoundError), (self.folder / "events.jsonl").open("rb") as file:
            file.seek(self._read)
            new = file.read()
            self._read += len(new)
            *lines, self._partial = (self._partial + new).split(b"\n")
            events = [json.loads(line) for line in lines]
        if ended:
            message = f"The worker ended before it was done: {self._last_words()}"
            events.append({"event": "ended", "job": None, "message": message})
        return events

    def read_log(self) -> str:
        """The whole output of the process."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def stop(self) -> None:
        """End the process and its children at once, and remove its files."""
        if self.alive:
            if sys.platform == "win32":
                subprocess.run(["taskkill", "/T", "/F", "/PID", str(self._process.pid)], capture_output=True)
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _last_words(self) -> str:
        lines = [line for line in self.read_log().strip().splitlines() if line.strip()]
        code = self._process.poll()
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        return f"{how}; {lines[-1].strip()}." if lines else f"{how}; try again, and free memory if it is scarce."
