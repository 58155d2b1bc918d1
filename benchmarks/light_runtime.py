"""Time, memory and size of `lwmisn-run`, from the start of the process to the mask, in an environment of its own.

    python benchmarks/light_runtime.py --output docs/results/light_runtime

It makes an environment, installs monai_lwmisn/light with pip, writes the ONNX files of two bundles, and runs the
command on a picture of 256x256 pixels and a volume of 512x512x100 voxels, both phantoms. Processor time is given beside
the time on the clock, because the machine may do other work.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from PIL import Image
from processes import measured_run
from reports import make_parser, table, write_result
from scipy.ndimage import gaussian_filter

from monai_lwmisn.bundle.full_onnx import write_full_onnx
from monai_lwmisn.profiling import processor_name

ROOT = Path(__file__).parents[1]
BARS = {"picture": {"seconds": 1.0}, "volume": {"seconds": 4.0, "peak_mib": 600.0}}

LARGEST_ENVIRONMENT = 300.0
"""Megabytes."""


def main() -> None:
    """Measure, and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, of which the median is given")
    parser.add_argument("--models", type=Path, help="a folder with BUNDLE.onnx of each bundle, written before")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        size = _install(place / "environment")
        picture, volume = _picture(place), _volume(place)
        inputs = {"picture": ("nuclei_microscopy_lwmisn", picture), "volume": ("liver_ct_lwmisn", volume)}
        measured = {}
        for kind, (bundle, image) in inputs.items():
            model = (arguments.models or place) / f"{bundle}.onnx"
            if not model.is_file():
                write_full_onnx(ROOT / "bundles" / bundle, model)
            runs = [_run(place, model, image) for _ in range(arguments.repeats)]
            measured[kind] = {"bundle": bundle, "bar": BARS[kind], **_summary(runs)}
    rows = [_row(kind, one) for kind, one in measured.items()]
    verdict = "kept" if size <= LARGEST_ENVIRONMENT else "missed"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    load = os.getloadavg()[0]
    lines = [
        "# The light runtime",
        "",
        "    python benchmarks/light_runtime.py --output docs/results/light_runtime",
        "",
        f"`lwmisn-run` from the start of the process to the mask, {os.cpu_count()} processors, {processor_name()}, "
        f"median of {arguments.repeats}, in brackets the least and the most, commit {commit.stdout.strip()}. "
        f"The load of the machine was {load:.1f}: where it is above the number of processors, the seconds on the clock "
        "are those of a machine that does other work, and the processor seconds say more.",
        "",
        *table(["input", "bundle", "seconds", "processor seconds", "peak MiB", "bar", ""], rows),
        "",
        f"The environment has {size:.0f} MB with pip (bar: {LARGEST_ENVIRONMENT:.0f} MB, {verdict}).",
    ]
    result = {"environment_mb": size, "measured": measured, "processor": processor_name()}
    write_result(arguments.output, result, lines)


def _install(environment: Path) -> float:
    """Make an environment with lwmisn-run, and return its megabytes."""
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    source = shutil.copytree(ROOT / "monai_lwmisn" / "light", environment.parent / "light")  # pip builds in its folder
    subprocess.run([*pip, str(source)], check=True)
    files = (file for file in environment.rglob("*") if file.is_file() and not file.is_symlink())
    return sum(file.stat().st_size for file in files) / 1e6


def _picture(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    values = gaussian_filter((gaussian_filter(rng.normal(size=(256, 256)), 4) > 0.03) * 200.0, 1.5)
    Image.fromarray((values + rng.uniform(0, 20, values.shape)).astype(np.uint8)).save(folder / "picture.png")
    return folder / "picture.png"


def _volume(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    values = rng.integers(-1000, 300, (512, 512, 100), np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([-0.7, -0.7, 3, 1])), folder / "volume.nii")
    return folder / "volume.nii"


def _run(place: Path, model: Path, image: Path) -> dict[str, float]:
    program = str(place / "environment" / "bin" / "lwmisn-run")
    return measured_run([program, str(model), str(image), "-o", str(place / "masks")])


def _summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    columns = {name: sorted(run[name] for run in runs) for name in runs[0]}
    return {name: [statistics.median(values), values[0], values[-1]] for name, values in columns.items()}


def _row(kind: str, one: dict[str, Any]) -> list[str]:
    times = (one["seconds"], one["processor"])
    figures = [f"{middle:.2f} ({least:.2f} to {most:.2f})" for middle, least, most in times]
    bar = ", ".join(f"{name} {most:g}" for name, most in one["bar"].items())
    verdict = "kept" if all(one[name][0] <= most for name, most in one["bar"].items()) else "missed"
    return [kind, one["bundle"], *figures, f"{one['peak_mib'][0]:.0f}", bar, verdict]


if __name__ == "__main__":
    main()
