"""A process that segments with one bundle: jobs come as JSON lines on the standard input, events go to a file.

    python -m LWMISNLib.worker BUNDLE FOLDER

It appends JSON objects to ``FOLDER/events.jsonl``, one a line. First {"event": "ready"}; then for each job {"event":
"progress", "done": 3, "total": 30} and {"event": "warning", "message": TEXT}, and at last {"event": "done", "objects":
12} or {"event": "error", "message": TEXT}, all with the job's number. What a job is says :mod:`.jobs`.

When the standard input ends, as it does when the process that started this one dies, FOLDER is removed and the process
ends, in the middle of a job too.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import traceback
from pathlib import Path
from queue import Queue
from typing import Any

from LWMISNLib.jobs import Job, build, read_config, run_job


class Events:
    """Appends to a file that another process reads while it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job: int | None = None

    def __call__(self, event: str, **facts: Any) -> None:
        """Write one event, as one line."""
        line = json.dumps({"event": event, "job": self.job, **facts}) + "\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)


def main() -> None:
    """Do one job after the other until the standard input ends."""
    bundle, folder = Path(sys.argv[1]), Path(sys.argv[2])
    events = Events(folder / "events.jsonl")
    jobs: Queue[Job] = Queue()
    threading.Thread(target=_read_jobs, args=(jobs, folder), daemon=True).start()
    try:
        # The first time, imports alone take seconds, which no job has to wait then.
        build(bundle, read_config(bundle)).get_parsed_content("evaluator")
        events("ready")
    except Exception as error:
        events("error", message=_sentence(error))
    while True:
        job = jobs.get()
        events.job = job["job"]
        place = folder / f"job{job['job']}"
        try:
            events("done", objects=_run(bundle, job, place, events))
        except Exception as error:
            # Its files have names of ours; the user knows the volume by its own.
            events("error", message=_sentence(error).replace(str(place / "image.nii"), job["name"]))
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _read_jobs(jobs: Queue[Job], folder: Path) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # a job may be running, and nobody waits for it


def _run(bundle: Path, job: Job, place: Path, events: Events) -> int | None:
    import torch

    try:
        return run_job(bundle, job, place, events)
    except Exception as error:
        memory_is_full = any(isinstance(cause, torch.OutOfMemoryError) for cause in _causes(error))
        if job["device"] == "cpu" or not memory_is_full:
            raise
    torch.cuda.empty_cache()
    events("warning", message="The memory of the graphics card did not suffice; the processor does it, more slowly.")
    return run_job(bundle, {**job, "device": "cpu"}, place, events)


def _sentence(error: Exception) -> str:
    """What the bundle says of it, or what the last cause was; all of it goes to the log."""
    traceback.print_exception(type(error), error, error.__traceback__)
    causes = _causes(error)
    for cause in causes:
        if any(base.__name__ == "LWMISNError" for base in type(cause).__mro__):
            return str(cause)
    # MONAI has a traceback in some of its messages, whose last line says what it was.
    lines = str(causes[-1]).strip().splitlines() or [""]
    return f"The bundle cannot segment it ({type(causes[-1]).__name__}: {lines[-1].strip()}): see the log."


def _causes(error: BaseException) -> list[BaseException]:
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    return causes


if __name__ == "__main__":
    main()
