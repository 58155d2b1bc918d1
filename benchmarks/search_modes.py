"""Peak resident memory and time of one search epoch in each mode of the supernet, side by side.

    python benchmarks/search_modes.py --data ../dsb2018.zip --output docs/results/search_modes

runs `lwmisn search` once per mode in a process of its own and writes search_modes.json and search_modes.md.
Peak memory is the process's largest resident set as the kernel kept it, time the seconds of the epoch in the run's
history.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from monai_lwmisn.engines.history import read_history

MODES = ("full", "partial", "single")
# One epoch with steps of weights and alpha both, and without the time that the latency of every operation takes.
ONE_EPOCH = ["--set=search_epochs=1", "--set=search_warmup_epochs=0", "--set=lambda_latency=0"]


def main() -> None:
    """Measure and write the two files."""
    parser = argparse.ArgumentParser(description="Peak memory and time of a search epoch in each mode.")
    parser.add_argument("--data", type=Path, required=True, help="the data set, a folder or a zip")
    parser.add_argument("--preset", default="nuclei")
    parser.add_argument("--variant", default="light")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="handed on to `lwmisn search`")
    parser.add_argument("--output", type=Path, default=Path("search_modes"), help="name of the files, without ending")
    arguments = parser.parse_args()

    settings = [f"--set={setting}" for setting in arguments.set]
    command = ["search", "--preset", arguments.preset, "--variant", arguments.variant, "--data", str(arguments.data)]
    command += [*ONE_EPOCH, *settings]
    # Where the data lie on this machine says nothing to others.
    shown = " ".join(["lwmisn", *command]).replace(str(arguments.data), arguments.data.name)
    result = {"command": shown, "modes": {}}
    for mode in MODES:
        result["modes"][mode] = measure([*command, f"--set=search_mode={mode}"])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    text = markdown(result)
    arguments.output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def measure(command: list[str]) -> dict[str, float]:
    """Run `lwmisn` with the arguments and an output folder that is thrown away.

    Returns:
        ``peak_memory_gib`` of the process and ``epoch_seconds``.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        process = subprocess.Popen([sys.executable, "-m", "monai_lwmisn", *command, "--out", str(run)])
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"The search failed with exit code {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
        history = read_history(run / "search" / "history.jsonl")
    return {
        "peak_memory_gib": usage.ru_maxrss / 2**20,  # the kernel counts in KiB
        "epoch_seconds": history[-1]["seconds"],
    }


def markdown(result: dict) -> str:
    """The result as a table."""
    lines = [f"`{result['command']}`", "", "| mode | peak resident memory GiB | seconds per epoch |", "|---|---|---|"]
    for mode, figures in result["modes"].items():
        lines.append(f"| {mode} | {figures['peak_memory_gib']:.2f} | {figures['epoch_seconds']:.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
