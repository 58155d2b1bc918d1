"""A volume of the size of a CT from file to mask: time and memory of a whole `python -m monai.bundle run`.

    python benchmarks/segment_volume.py bundles/liver_ct_lwmisn --output docs/results/segment_volume

writes segment_volume.json and segment_volume.md. The volume is made, a body of soft tissue in air with noise; values
and weights do not matter for the time. A user waits for Python to start and for imports too, so they count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import nibabel
import numpy as np
from ignite.engine import Engine, Events
from monai.engines import IterationEvents

from monai_lwmisn.profiling import processor_name

STAGES = ("start", "read", "network", "write")
"""Start: Python, imports, building the network. Read: file to input. Write: logits to a file on the volume's grid."""
TARGET = {"seconds": 20.0, "peak_mib": 2048.0}


class StageClock:
    """Handler of the evaluator that writes when each stage ended, in seconds since the epoch.

    Args:
        path: the JSON file.
    """

    def __init__(self, path: str) -> None:
        self.path, self.times = path, {}

    def attach(self, engine: Engine) -> None:
        """Register with the evaluator."""
        ends = {
            "start": Events.STARTED,
            "read": Events.GET_BATCH_COMPLETED,
            "network": IterationEvents.FORWARD_COMPLETED,
            "write": Events.ITERATION_COMPLETED,
        }
        for stage, event in ends.items():
            engine.add_event_handler(event, self._note, stage)

    def _note(self, engine: Engine, stage: str) -> None:
        self.times[stage] = time.time()
        Path(self.path).write_text(json.dumps(self.times), encoding="utf-8")


def main() -> None:
    """Measure and write the two files."""
    parser = argparse.ArgumentParser(description="Time and memory of a bundle from a CT-like volume to its mask.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("--output", type=Path, default=Path("segment_volume"), help="name of the files, without ending")
    parser.add_argument(
        "--size", type=int, nargs=3, default=(512, 512, 100), help="voxels in x, y, z (default: 512 512 100)"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    parser.add_argument("--repeats", type=int, default=3, help="runs, of which the median counts (default: 3)")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        write_volume(data / "volume.nii.gz", tuple(arguments.size))
        runs = [measure(arguments.bundle, data, Path(folder), arguments.threads) for _ in range(arguments.repeats)]
    result = {
        "bundle": arguments.bundle.name,
        "size": list(arguments.size),
        "threads": arguments.threads,
        "repeats": arguments.repeats,
        "processor": processor_name(),
        "versions": {name: version(name) for name in ("torch", "monai")},
        **{
            name: statistics.median(run[name] for run in runs)
            for name in ("seconds", "processor_seconds", "peak_mib", *STAGES)
        },
        "target": TARGET,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    text = markdown(result)
    arguments.output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def write_volume(path: Path, size: tuple[int, ...]) -> None:
    """An elliptic body at 50 HU in air, with noise of 20 HU, as int16 with slices 3 mm apart."""
    grids = np.meshgrid(*(np.linspace(-1, 1, length, dtype=np.float32) for length in size[:2]), indexing="ij")
    body = np.where(grids[0] ** 2 / 0.7 + grids[1] ** 2 / 0.4 < 1, 50, -1000)[..., None]
    noise = np.random.default_rng(0).normal(0, 20, size).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image((body + noise).astype(np.int16), np.diag([0.75, 0.75, 3, 1])), path)


def measure(bundle: Path, data: Path, folder: Path, threads: int) -> dict[str, float]:
    """One run in a process of its own: seconds in all, of the processor and by stage, and peak resident memory in MiB.

    Processor seconds show whether other programs took time from the run.
    """
    clock = folder / "stages.json"
    handler = {"_target_": f"{Path(__file__).stem}.StageClock", "path": str(clock)}
    command = [sys.executable, "-m", "monai.bundle", "run"]
    for name, value in {
        "config_file": bundle / "configs" / "inference.json",
        "bundle_root": bundle,
        "dataset_dir": data,
        "output_dir": folder / "masks",
        "device": "cpu",
        "evaluator::val_handlers": [handler],
    }.items():
        command += [f"--{name}", str(value)]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    started = time.time()
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.time() - started
    if process.returncode:
        raise SystemExit(f"monai.bundle run failed:\n{said}")
    times, last, stages = json.loads(clock.read_text(encoding="utf-8")), started, {}
    for stage in STAGES:
        stages[stage], last = times[stage] - last, times[stage]
    processor = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "processor_seconds": processor, "peak_mib": usage.ru_maxrss / 1024, **stages}


def markdown(result: dict) -> str:
    """The result as a table."""
    size = " x ".join(str(length) for length in result["size"])
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    return (
        "\n".join(
            [
                f"Seconds of one `python -m monai.bundle run` of {result['bundle']} on a volume of {size} int16 "
                f"voxels, {result['threads']} threads, median of {result['repeats']}, {result['processor']}, "
                f"{versions}.",
                "",
                "| | " + " | ".join(STAGES) + " | in all | processor | peak memory MiB |",
                "|---" * (len(STAGES) + 4) + "|",
                "| measured | "
                + " | ".join(f"{result[stage]:.1f}" for stage in STAGES)
                + f" | {result['seconds']:.1f} | {result['processor_seconds']:.1f} | {result['peak_mib']:.0f} |",
                f"| target | | | | | {TARGET['seconds']:.0f} | | {TARGET['peak_mib']:.0f} |",
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
