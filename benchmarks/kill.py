"""Kill `lwmisn` and fill its disk at random moments, then give the same command again: is the result the same?

    PYTHONPATH=. .venv/bin/python benchmarks/kill.py --output docs/results/kill

A kill is SIGKILL at a random step of writing, see tests/faults.py. A full disk is a tmpfs of random size, which grows
before the second try. It needs the right to mount. What is made is small: nine phantom images of 64 pixels.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from reports import make_parser, table, write_result

from monai_lwmisn.data.phantom import write_phantom
from tests.engines.processes import run_process
from tests.faults import lwmisn_with_fault, result_of

NETWORK = {"architecture.node_width": [4, 4], "search.warmup_epochs": 0, "search.lambda_latency": 0.0}
NETWORK |= {f"architecture.cells.{stage}": 1 for stage in ("encoder", "middle", "decoder")}
RUN = NETWORK | {"data.augmentation": [], "search.epochs": 3, "train.epochs": 3, "train.val_interval": 1}
COMPARISON = {**NETWORK, "search.epochs": 1}


class Commands:
    """The commands, each for a folder of its own. Those after the first begin with a copy of what the one before made.

    Args:
        place: a folder for the data and for what is made without a fault.
    """

    def __init__(self, place: Path) -> None:
        self.data, self.place = write_phantom(place / "data", cases=9, size=64, seed=1), place

    def arguments(self, command: str, out: Path) -> list[object]:
        """Return the arguments of a command that writes into ``out``."""
        data = ["--preset", "nuclei", "--data", self.data, "--out", out]
        if command == "search":
            return ["search", *data, *_set(RUN)]
        if command == "train":
            return ["train", out]
        if command == "compare":
            small = ["--protocol", "small", "--models", "lwmisn", "--epochs", 1, "--seeds", 1]
            return ["compare", *data, *small, *_set(COMPARISON)]
        return ["bundle", self.place / "train", "-o", out]

    def prepare(self, command: str, out: Path) -> None:
        """Make what a command begins with: a training begins with a search."""
        if command == "train":
            shutil.copytree(self.place / "search", out, dirs_exist_ok=True)
            for file in (out / "configs").glob("*.json"):
                file.write_text(file.read_text().replace(str(self.place / "search"), str(out)))


def main() -> None:
    """Kill and fill, and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--disks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="lwmisn-kill-") as temporary:
        commands = Commands(Path(temporary))
        whole, steps, sizes = {}, {}, {}
        for command in ("search", "train", "compare", "bundle"):
            out = commands.place / command
            commands.prepare(command, out)
            began = _size(out)
            code, text = _run("count", 0, out, commands.arguments(command, out))
            assert code == 0, text
            whole[command], steps[command] = result_of(out), int(Path(f"{out}.steps").read_text())
            sizes[command] = began, _size(out)
        for number in range(arguments.kills):
            command = list(whole)[number % 4]
            at = moments.randint(1, steps[command])
            out = commands.place / f"kill_{number}" / command
            out.parent.mkdir()
            commands.prepare(command, out)
            killed, _ = _run("kill", at, out, commands.arguments(command, out))
            rows.append(_again(commands, command, out, whole[command], killed, f"step {at} of {steps[command]}"))
        for number in range(arguments.disks):
            command = list(whole)[number % 4]
            begun, full = sizes[command]
            size = moments.randint(begun + 8, full - 4)
            with _disk(commands.place / f"disk_{number}", size) as disk:
                out = disk / command
                commands.prepare(command, out)
                code, text = _run("count", 0, out, commands.arguments(command, out), commands.place / f"disk_{number}")
                subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
                rows.append(_again(commands, command, out, whole[command], code, f"{size} of {full} KiB", text))
    _write(arguments, rows)


def _again(
    commands: Commands, command: str, out: Path, whole: Any, code: int | None, moment: str, text: str = ""
) -> dict[str, Any]:
    """Give the same command again after a fault, and say whether its result is that without a fault."""
    last = (text.strip().splitlines() or [""])[-1]
    arguments = commands.arguments(command, out)
    if "--resume" in last and (command == "compare" or list(out.glob(f"{command}/checkpoint.pt"))):
        arguments.append("--resume")
    damaged = _damaged(out)
    again, said = _run("count", 0, out, arguments, out.parent.with_name(f"{out.parent.name}_again"))
    found = result_of(out)
    differences = sorted(name for name in whole.keys() | found.keys() if whole.get(name) != found.get(name))
    left = [path.name for path in out.parent.rglob("*") if ".partial" in path.name or path.name == ".lwmisn.lock"]
    row = {
        "command": command,
        "moment": moment,
        "code": code,
        "said": last.replace(str(commands.place), ""),
        "damaged": damaged,
        "again": again,
    }
    row |= {"same": again == 0 and not differences, "differences": differences, "left": left}
    print(row if row["same"] else {**row, "log": said[-2000:]}, flush=True)
    return row


def _damaged(out: Path) -> list[str]:
    """Return the files that cannot be read, apart from those that say that they are no whole files."""
    damaged = []
    for file in [*out.rglob("*.json"), *out.rglob("*.pt")]:
        if "cache" in file.relative_to(out).parts or ".partial" in str(file):
            continue
        try:
            json.loads(file.read_text()) if file.suffix == ".json" else torch.load(file, weights_only=True)
        except Exception:
            damaged.append(str(file.relative_to(out)))
    return damaged


def _run(kind: str, at: int, out: Path, arguments: list[object], log: Path | None = None) -> tuple[int | None, str]:
    place = log or out
    code = run_process(lwmisn_with_fault, kind, at, out, place, *arguments)
    return code, Path(f"{place}.log").read_text()


def _set(settings: dict[str, Any]) -> list[str]:
    quick = {**settings, "device": "cpu", "data.num_workers": 0}
    return [f"--set={key}={json.dumps(value)}" for key, value in quick.items()]


def _size(folder: Path) -> int:
    """Return the KiB of a folder in pages, as tmpfs counts them."""
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
    return sum(-(-path.stat().st_size // 4096) * 4 for path in files)


@contextmanager
def _disk(place: Path, size: int) -> Iterator[Path]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def _write(arguments: Any, rows: list[dict[str, Any]]) -> None:
    lines = []
    for title, part in (("killed", rows[: arguments.kills]), ("disk full", rows[arguments.kills :])):
        counts = []
        for command in ("search", "train", "compare", "bundle"):
            own = [row for row in part if row["command"] == command]
            sentences = sum(row["said"].startswith("lwmisn: ") and row["code"] in (1, 2) for row in own)
            counts.append(
                (
                    f"`{command}`",
                    len(own),
                    sentences if title == "disk full" else "",
                    sum(not row["damaged"] for row in own),
                )
                + (sum(row["same"] for row in own), sum(not row["left"] for row in own))
            )
        head = [title, "times", "a sentence", "no damaged file", "then the same result", "nothing left over"]
        lines += [*table(head, counts), ""]
    write_result(arguments.output, {"seed": arguments.seed, "rows": rows}, lines)


if __name__ == "__main__":
    main()
