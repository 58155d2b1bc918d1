"""Breaks files of every kind at random, and counts what comes of them.

    python -m tools.fuzz --files 5000 --seed 0 --output docs/results/fuzzing

Each file is read as users do it: images are loaded and segmented, bundles opened and used, networks of genotypes built,
presets and data sets checked. That happens in a process of its own, so that an abort, a hang or a lack of memory is
seen. A fault is printed with the number of its file; ``--only NUMBER`` does that file again, in this process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter, defaultdict
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from tests.inputs.mutations import draw
from tests.inputs.targets import WHOLE, Predictors, kinds_of_mutations, read, write_broken

HANG = 30
"""Seconds that a file may take."""

MEMORY = 2**30
"""Bytes that reading may add to what the process has after its start."""

FAULTS = ("traceback", "crash", "hang", "memory", "outside")
KINDS = [kind for kind in WHOLE for _ in range(2 if kind in ("dicom", "nifti", "png", "tiff") else 1)]


def main() -> int:
    """Break files until there are enough, or the time is over; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000, help="how many to break (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so many (default: none)")
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed breaks the same files (default: %(default)s)"
    )
    parser.add_argument("--kind", choices=WHOLE, help="break files of one kind alone")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="do one file, and show its error")
    parser.add_argument("--output", type=Path, help="write the counts to OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        if arguments.only is not None:
            kind = _kind(arguments.only, arguments.kind)
            print(_try(arguments.seed, arguments.only, kind, Path(place), Predictors(Path(place) / "bundles")))
            return 0
        result = _run(arguments, Path(place))
    text = _table(result)
    print(text)
    if arguments.output:
        arguments.output.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
        arguments.output.with_suffix(".md").write_text(text)
    return int(any(result["counts"][kind].get(fault) for kind in result["counts"] for fault in FAULTS))


def _run(arguments: argparse.Namespace, place: Path) -> dict[str, Any]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    faults, slowest, most, number = [], 0.0, 0, 0
    worker, start = _Worker(arguments.seed, place), time.monotonic()
    while number < arguments.files and time.monotonic() - start < 60 * arguments.minutes:
        began = time.monotonic()
        kind = _kind(number, arguments.kind)
        outcome, said, peak = worker.do(number, kind)
        slowest, most = max(slowest, time.monotonic() - began), max(most, peak)
        counts[kind][outcome] += 1
        if outcome in FAULTS:
            faults.append({"number": number, "kind": kind, "outcome": outcome, "said": said})
            print(f"{number} {kind}: {outcome}: {said}", flush=True)
        number += 1
        if number % 500 == 0:
            print(f"{number} files, {time.monotonic() - start:.0f} s", flush=True)
    worker.end()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {
        "seed": arguments.seed,
        "files": number,
        "commit": commit,
        "processor": platform.processor() or platform.machine(),
        "seconds": round(time.monotonic() - start),
        "slowest_s": round(slowest, 1),
        "peak_memory_mib": most // 2**20,
        "counts": {kind: dict(counts[kind]) for kind in WHOLE},
        "faults": faults,
    }


def _kind(number: int, only: str | None) -> str:
    return only or KINDS[number % len(KINDS)]


def _try(seed: int, number: int, kind: str, place: Path, predictors: Predictors) -> str:
    """Break a file and read it; returns the error that it was refused with."""
    random = Random(f"{seed}:{number}")
    folder = place / "in"
    folder.mkdir()
    choice, mutations = random.randrange(2**16), draw(random, kinds_of_mutations(kind))
    path = write_broken(kind, choice, mutations, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(kind, path, predictors)


class _Worker:
    """A process that reads broken files, started anew when it dies or hangs."""

    def __init__(self, seed: int, place: Path) -> None:
        self.seed, self.place = seed, place
        self.starts = 0
        self._start()

    def _start(self) -> None:
        self.starts += 1
        self.folder = self.place / f"worker_{self.starts}"
        self.folder.mkdir()
        context = multiprocessing.get_context("spawn")
        self.pipe, end = context.Pipe()
        self.process = context.Process(target=_work, args=(self.seed, str(self.folder), end), daemon=True)
        self.process.start()
        end.close()
        self.pipe.recv()  # it has loaded its libraries

    def do(self, number: int, kind: str) -> tuple[str, str, int]:
        """The outcome of a file, what was said, and the most memory that the process had, in bytes."""
        self.pipe.send((number, kind))
        try:
            if self.pipe.poll(HANG):
                return self.pipe.recv()
            outcome = ("hang", f"more than {HANG} s", 0)
        except EOFError:
            self.process.join()
            outcome = ("crash", f"exit code {self.process.exitcode}", 0)
        self.end()
        self._start()
        return outcome

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        shutil.rmtree(self.folder, ignore_errors=True)


def _work(seed: int, folder: str, pipe: Connection) -> None:
    place = Path(folder)
    # What is written outside of the folders for it is found in one of these.
    for name in ("here", "home", "tmp"):
        (place / name).mkdir()
    os.chdir(place / "here")
    os.environ["HOME"], tempfile.tempdir = str(place / "home"), str(place / "tmp")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    predictors = Predictors(place / "bundles")
    predictors.get(True), predictors.get(False)
    first = place / "first"
    for kind in WHOLE:  # loads what is loaded late
        first.mkdir()
        read(kind, WHOLE[kind][0](first), predictors)
        shutil.rmtree(first)
    before = _peak()
    address = _address_space()
    resource.setrlimit(resource.RLIMIT_AS, (address + 8 * MEMORY, -1))
    pipe.send("ready")
    while True:
        number, kind = pipe.recv()
        kept = _files(place)
        try:
            said = _try(seed, number, kind, place, predictors)
            outcome = "refused" if said else "read"
        except MemoryError as error:
            outcome, said = "memory", _last(error)
        except Exception as error:
            outcome, said = "traceback", _last(error)
        shutil.rmtree(place / "in", ignore_errors=True)
        more = _files(place) - kept
        for file in more:
            file.unlink()
        if more and outcome in ("read", "refused"):
            outcome, said = "outside", ", ".join(map(str, sorted(more)))
        if _peak() - before > MEMORY and outcome in ("read", "refused"):
            outcome, said = "memory", f"{(_peak() - before) // 2**20} MiB more than before"
            before = _peak()
        pipe.send((outcome, said, _peak()))


def _files(place: Path) -> set[Path]:
    """The files beside the inputs, and in the folder that holds those of all workers."""
    own = {path for path in place.rglob("*") if path.is_file() and place / "in" not in path.parents}
    return own | {path for path in place.parent.iterdir() if path.is_file()}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _last(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:150]} ({Path(frame.filename).name}:{frame.lineno})"


def _table(result: dict[str, Any]) -> str:
    columns = ("read", "refused", *FAULTS)
    lines = [f"| kind | files | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    total: Counter[str] = Counter()
    for kind, counts in result["counts"].items():
        total.update(counts)
        lines.append(
            f"| {kind} | {sum(counts.values())} | {' | '.join(str(counts.get(name, 0)) for name in columns)} |"
        )
    lines.append(f"| all | {result['files']} | {' | '.join(str(total[name]) for name in columns)} |")
    about = (
        f"Seed {result['seed']}, commit {result['commit']}: {result['files']} broken files in {result['seconds']} s, "
        f"the slowest in {result['slowest_s']} s, at most {result['peak_memory_mib']} MiB of memory."
    )
    return "\n".join([about, "", *lines, ""])


if __name__ == "__main__":
    sys.exit(main())
