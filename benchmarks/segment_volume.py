"""Time and memory of `python -m monai.bundle run` on a volume of the size of a CT, from the file to the mask.

    python benchmarks/segment_volume.py bundles/liver_ct_lwmisn --output docs/results/segment_volume

The volume is a phantom: a body of soft tissue in air, with noise. Values and weights have no effect on the time. The
start of Python and the imports count, because a user waits for them too.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from reports import make_parser, table, write_result

from monai_lwmisn.inference.evaluator import MaskEvaluator
from monai_lwmisn.profiling import processor_name

STAGES = ("start", "read", "network", "write")
"""Start: Python, imports, building the network. Read: file to input. Write: logits to a file on the volume's grid."""
TARGET = {"seconds": 20.0, "peak_mib": 2048.0}


class TimedEvaluator(MaskEvaluator):
    """An evaluator of one image that writes the end of each stage to a file, in seconds since the epoch.

    Args:
        clock: the JSON file.
        settings: see :class:`MaskEvaluator`.
    """

    def __init__(self, clock: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.clock, self.times = Path(clock), {}
        loader, postprocessing = self.val_data_loader, self.postprocessing

        def timed_loader() -> Iterator[Any]:
            for batch in loader:
                self._note("read")
                yield batch

        def timed_postprocessing(item: dict[str, Any]) -> Any:
            self._note("network")
            return postprocessing(item)

        self.val_data_loader, self.postprocessing = timed_loader(), timed_postprocessing

    def run(self) -> None:
        """Segment the image and write its mask and the times."""
        self._note("start")
        super().run()
        self._note("write")
        self.clock.write_text(json.dumps(self.times), encoding="utf-8")

    def _note(self, stage: str) -> None:
        self.times[stage] = time.time()


def main() -> None:
    """Measure several runs and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument(
        "--size", type=int, nargs=3, default=(512, 512, 100), help="voxels in x, y, z (default: 512 512 100)"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    parser.add_argument("--repeats", type=int, default=3, help="number of runs; the median counts (default: 3)")
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
    write_result(arguments.output, result, markdown(result))


def write_volume(path: Path, size: tuple[int, ...]) -> None:
    """Write an elliptic body at 50 HU in air, with noise of 20 HU, as int16 with a slice spacing of 3 mm."""
    grids = np.meshgrid(*(np.linspace(-1, 1, length, dtype=np.float32) for length in size[:2]), indexing="ij")
    body = np.where(grids[0] ** 2 / 0.7 + grids[1] ** 2 / 0.4 < 1, 50, -1000)[..., None]
    noise = np.random.default_rng(0).normal(0, 20, size).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image((body + noise).astype(np.int16), np.diag([0.75, 0.75, 3, 1])), path)


def measure(bundle: Path, data: Path, folder: Path, threads: int) -> dict[str, float]:
    """Measure one run in a process of its own.

    Returns:
        The total seconds, those of the processor and of each stage, and the peak resident memory in MiB. Processor
        seconds far below the total show that other programs slowed the run.
    """
    clock = folder / "stages.json"
    command = [sys.executable, "-m", "monai.bundle", "run"]
    for name, value in {
        "config_file": bundle / "configs" / "inference.json",
        "bundle_root": bundle,
        "dataset_dir": data,
        "output_dir": folder / "masks",
        "device": "cpu",
        "evaluator::_target_": f"{Path(__file__).stem}.{TimedEvaluator.__name__}",
        "evaluator::clock": clock,
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
        printed = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.time() - started
    if process.returncode:
        raise SystemExit(f"monai.bundle run failed:\n{printed}")
    times, last, stages = json.loads(clock.read_text(encoding="utf-8")), started, {}
    for stage in STAGES:
        stages[stage], last = times[stage] - last, times[stage]
    processor = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "processor_seconds": processor, "peak_mib": usage.ru_maxrss / 1024, **stages}


def markdown(result: dict) -> list[str]:
    """Return the lines of the table."""
    size = " x ".join(str(length) for length in result["size"])
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    stages = [f"{result[stage]:.1f}" for stage in STAGES]
    totals = f"{result['seconds']:.1f}", f"{result['processor_seconds']:.1f}", f"{result['peak_mib']:.0f}"
    target = f"{TARGET['seconds']:.0f}", "", f"{TARGET['peak_mib']:.0f}"
    return [
        f"Seconds of one `python -m monai.bundle run` of {result['bundle']}",
        f"on a volume of {size} int16 voxels, {result['threads']} threads, median of {result['repeats']} runs,",
        f"{result['processor']}, {versions}.",
        "",
        *table(
            ["", *STAGES, "total", "processor", "peak memory MiB"],
            [["measured", *stages, *totals], ["target", *[""] * len(STAGES), *target]],
        ),
    ]


if __name__ == "__main__":
    main()
