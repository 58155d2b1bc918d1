"""Peak memory and time of one search epoch in each mode of the supernet.

    python benchmarks/search_modes.py --data ../dsb2018.zip --output docs/results/search_modes

Each mode has a process of its own, which runs `lwmisn search`. The peak memory is the largest resident set of the
process. The time is that of the epoch in the history of the run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from reports import make_parser, table, write_result

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.networks.supernet import MODES

# The epoch has steps of the weights and of alpha. The latency of the operations is not measured.
ONE_EPOCH = ["--set=search.epochs=1", "--set=search.alpha_seeds=1", "--set=search.lambda_latency=0"]


def main() -> None:
    """Measure each mode and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data set, a folder or a zip")
    parser.add_argument("--preset", default="nuclei")
    parser.add_argument("--variant", default="light")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed to `lwmisn search`")
    arguments = parser.parse_args()

    settings = [f"--set={setting}" for setting in arguments.set]
    command = ["search", "--preset", arguments.preset, "--variant", arguments.variant, "--data", str(arguments.data)]
    command += [*ONE_EPOCH, *settings]
    # The path of the data on this machine is not part of the result.
    shown = " ".join(["lwmisn", *command]).replace(str(arguments.data), arguments.data.name)
    modes = {mode: measure([*command, f"--set=search.mode={mode}"]) for mode in MODES}
    write_result(arguments.output, {"command": shown, "modes": modes}, markdown(shown, modes))


def measure(command: list[str]) -> dict[str, float]:
    """Run `lwmisn` with these arguments in a temporary folder.

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
        "peak_memory_gib": usage.ru_maxrss / 2**20,  # Linux counts in KiB
        "epoch_seconds": history[-1]["seconds"],
    }


def markdown(command: str, modes: dict[str, dict[str, Any]]) -> list[str]:
    """Return the lines of the table."""
    rows = [(mode, f"{row['peak_memory_gib']:.2f}", f"{row['epoch_seconds']:.1f}") for mode, row in modes.items()]
    return [f"`{command}`", "", *table(["mode", "peak resident memory GiB", "seconds per epoch"], rows)]


if __name__ == "__main__":
    main()
