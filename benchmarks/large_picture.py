"""Time and memory of `lwmisn-run` with pictures that go by region: mosaics of the pictures of a data set.

    python benchmarks/large_picture.py dsb2018.zip --sides 3000 6000 12000 --output docs/results/large_picture

The mosaics are grey, of 8 bits, in tiles of 512x512 pixels, and are written tile by tile. A mosaic of 40,000x40,000
takes an hour of one core.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from processes import measured_run
from reports import make_parser, table, write_result

from monai_lwmisn.bundle.full_onnx import write_full_onnx
from monai_lwmisn.profiling import processor_name

ROOT = Path(__file__).parents[1]
BUNDLE = "nuclei_microscopy_lwmisn_fast"
LARGEST_MIB = 2048.0
TILE = 512
DARKEST = 60
"""Pictures with a median below this are fluorescence."""


def main() -> None:
    """Measure, and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("images", type=Path, help="the zip of DSB2018")
    parser.add_argument("--sides", type=int, nargs="+", default=[3000, 6000, 12000], help="pixels of the mosaics")
    arguments = parser.parse_args()
    pictures = _fluorescence(arguments.images)
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model.onnx")
        write_full_onnx(ROOT / "bundles" / BUNDLE, model)
        for side in arguments.sides:
            image, masks = Path(folder, f"mosaic{side}.tif"), Path(folder, f"masks{side}")
            tiles, settings = _tiles(pictures, side), {"tile": (TILE, TILE), "compression": "zlib", "maxworkers": 1}
            tifffile.imwrite(image, tiles, shape=(side, side), dtype=np.uint8, bigtiff=side**2 > 2**31, **settings)
            command = [sys.executable, "-m", "monai_lwmisn.light", str(model), str(image), "-o", str(masks)]
            options = ["--format", "ome-tiff", "--geojson", "--table", f"{masks}/results.csv", "--threads", "1"]
            measured[side] = measured_run([*command, *options])
            with open(masks / "results_objects.csv", encoding="utf-8") as rows:
                measured[side]["objects"] = sum(1 for _ in rows) - 1
            image.unlink()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    rows = [
        [
            f"{side:,}x{side:,}",
            f"{one['objects']:,.0f}",
            *(f"{one[name]:,.0f}" for name in ("seconds", "processor", "peak_mib")),
            "kept" if one["peak_mib"] <= LARGEST_MIB else "missed",
        ]
        for side, one in measured.items()
    ]
    lines = [
        "# Large pictures",
        "",
        "    python benchmarks/large_picture.py dsb2018.zip --output docs/results/large_picture",
        "",
        f"`lwmisn-run` with `{BUNDLE}`, ONNX Runtime, one process with one thread, {processor_name()}, commit "
        f"{commit.stdout.strip()}. The load of the machine was {os.getloadavg()[0]:.1f}: with other work beside it the "
        "seconds on the clock say little.",
        "",
        *table(["pixels", "objects", "seconds", "processor seconds", "peak MiB", f"at most {LARGEST_MIB:.0f}"], rows),
    ]
    write_result(arguments.output, {"measured": measured, "processor": processor_name()}, lines)


def _fluorescence(archive: Path) -> list[np.ndarray]:
    """Grey pictures (256, 256) with a dark background."""
    found = []
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            if "/images/" in name and name.endswith(".png"):
                values = np.asarray(Image.open(io.BytesIO(opened.read(name))).convert("RGB")).astype(int)
                is_grey = np.ptp(values, axis=2).max() == 0
                if is_grey and min(values.shape[:2]) >= TILE // 2 and np.median(values) < DARKEST:
                    found.append(values[: TILE // 2, : TILE // 2, 0].astype(np.uint8))
    return found


def _tiles(pictures: list[np.ndarray], side: int) -> Iterator[np.ndarray]:
    """The tiles of a mosaic, row by row, each of four pictures drawn at random."""
    rng = np.random.default_rng(0)
    for _ in range((-(-side // TILE)) ** 2):
        first, second, third, fourth = (pictures[number] for number in rng.integers(0, len(pictures), 4))
        yield np.block([[first, second], [third, fourth]])


if __name__ == "__main__":
    main()
