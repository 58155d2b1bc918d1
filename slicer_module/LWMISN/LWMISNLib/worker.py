"""A process that segments with one bundle: jobs come as JSON lines on the standard input, events go to a file.

    python -m LWMISNLib.worker BUNDLE FOLDER RUNTIME

It appends JSON objects to ``FOLDER/events.jsonl``, one a line. First {"event": "ready"}; then for each job {"event":
"progress", "done": 3, "total": 30} and {"event": "warning", "message": TEXT}, and at last {"event": "done", "objects":
12} or {"event": "error", "message": TEXT}, all with the job's number. The fields of a job are in :mod:`.jobs`.

The standard input ends when the process that started this one dies. Then FOLDER is removed and the process ends, in
the middle of a job too. RUNTIME is ``light`` or ``torch``, see :func:`LWMISNLib.bundles.runtime_of`. The code of the
bundle is found by :func:`LWMISNLib.code.code_folder`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from queue import Queue
from typing import Any

from LWMISNLib.jobs import Job, load_function, run_job


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
    bundle, folder, runtime = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    events = Events(folder / "events.jsonl")
    jobs: Queue[Job] = Queue()
    threading.Thread(target=_read_jobs, args=(jobs, folder), daemon=True).start()
    with suppress(ImportError):  # the code of a standalone bundle of an earlier release has no such part
        from monai_lwmisn.inference.memory import keep_freed_memory
        from monai_lwmisn.light.quiet import quieten_libraries

        quieten_libraries()
        keep_freed_memory()
    try:
        # The imports take a while, with PyTorch seconds, and no job has to wait for them then.
        load_function(runtime)(bundle, device="cpu").close()
        events("ready")
    except Exception as error:
        events("error", message=_sentence(error))
    while True:
        job = jobs.get()
        events.job = job["job"]
        try:
            events("done", objects=_run(bundle, runtime, job, events))
        except Exception as error:
            events("error", message=_sentence(error))


def _read_jobs(jobs: Queue[Job], folder: Path) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # a job may be running, and nobody waits for it


def _run(bundle: Path, runtime: str, job: Job, events: Events) -> int | None:
    if runtime != "torch" or job["device"] == "cpu":
        return run_job(bundle, runtime, job, events)
    import torch

    try:
        return run_job(bundle, runtime, job, events)
    except Exception as error:
        if not _is_from(error, torch.OutOfMemoryError):
            raise
    torch.cuda.empty_cache()
    events("warning", message="The memory of the graphics card is full: the processor does it, more slowly.")
    return run_job(bundle, runtime, {**job, "device": "cpu"}, events)


def _sentence(error: Exception) -> str:
    """One sentence for the user; the whole error goes to the log."""
    traceback.print_exception(type(error), error, error.__traceback__)
    if isinstance(error, ModuleNotFoundError):
        name = (error.name or "").partition(".")[0]
        if name == "monai_lwmisn":
            return "The code of the bundle is not found: add a standalone bundle, or install monai-lwmisn."
        return f"The Python package {name} is not installed: apply in the panel of the module, which offers that."
    from monai_lwmisn.errors import explain

    return explain(error, "The bundle", "see the log")


def _is_from(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an error is of a kind, or was raised from one that is."""
    return error is not None and (isinstance(error, kind) or _is_from(error.__cause__, kind))


if __name__ == "__main__":
    main()
