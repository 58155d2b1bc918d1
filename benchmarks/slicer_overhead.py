"""The time that the module for 3D Slicer adds to the network's time, and how long it blocks Slicer.

    .venv-slicer/bin/python benchmarks/slicer_overhead.py bundles/liver_ct_lwmisn --python .venv/bin/python \\
        --output docs/results/slicer_overhead

The scene and its volume are those of slicer-core. A loop that polls every 100 ms, as the panel does, stands for
Slicer's event loop. Cold: Apply starts the worker. Warm: the choice of the bundle has started it.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from reports import make_parser, table, write_result

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "slicer_module" / "LWMISN")]

from LWMISNLib.logic import SegmentationLogic  # noqa: E402

from tests.slicer_module.scene import new_scene  # noqa: E402

SHAPE = (100, 512, 512)
TARGETS = {"cold": 12.0, "warm": 6.0}
LONGEST_BLOCK = 0.1


def main() -> None:
    """Measure both kinds of start and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--python", required=True, help="Python interpreter with MONAI")
    parser.add_argument("--runs", type=int, default=3, help="number of repetitions; the median counts (default: 3)")
    arguments = parser.parse_args()
    new_scene()
    volume = slicer.util.addVolumeFromArray(_body(), name="CT")
    bundle, python = arguments.bundle.resolve(), os.path.abspath(arguments.python)
    rows = {kind: _median([measure(volume, bundle, python, kind) for _ in range(arguments.runs)]) for kind in TARGETS}
    result = {"volume": "x".join(map(str, SHAPE)), "machine": platform.machine(), "runs": arguments.runs, **rows}
    write_result(arguments.output, result, _markdown(rows))


def measure(volume: Any, bundle: Path, python: str, kind: str) -> dict[str, float]:
    """Seconds of one segmentation, from Apply to the segments in the scene."""
    logic = SegmentationLogic(python)
    if kind == "warm":
        logic.warm_up(bundle)
        while not any(event["event"] == "ready" for event in logic._worker.events()):
            time.sleep(0.05)
    began = time.perf_counter()
    logic.start(volume, bundle)
    exported = time.perf_counter()
    seen: list[tuple[float, int]] = []
    blocks = []
    while True:
        before = time.perf_counter()
        status = logic.poll()
        now = time.perf_counter()
        if status.done and (not seen or status.done != seen[-1][1]):
            seen.append((now, status.done))
        if status.state != "running":
            break
        blocks.append(now - before)
        time.sleep(0.1)
    assert status.state == "done", status.message
    slicer.mrmlScene.RemoveNode(status.node)
    logic.close()
    (first, done_first), (last, done_last) = seen[0], seen[-1]
    network = (last - first) / (done_last - done_first) * done_last
    return {
        "total": now - began,
        "network": network,
        "beyond_network": now - began - network,
        "export": exported - began,
        "import": now - before,
        "longest_block": max(blocks),
    }


def _body() -> np.ndarray:
    """Soft tissue in air, with noise, in Hounsfield units (k, j, i)."""
    k, j, i = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    body = ((j - 256) / 160) ** 2 + ((i - 256) / 220) ** 2 + 0 * k < 1
    noise = np.random.default_rng(0).normal(0, 20, SHAPE)
    return (np.where(body, 60, -1000) + noise).astype(np.int16)


def _median(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _markdown(rows: dict[str, dict[str, float]]) -> list[str]:
    head = ["worker", "total s", "network s", "beyond it s", "target s", "export s", "import s", "longest block, ms"]
    values = [
        [kind, f"{row['total']:.1f}", f"{row['network']:.1f}", f"{row['beyond_network']:.1f}", f"{TARGETS[kind]:g}"]
        + [f"{row['export']:.2f}", f"{row['import']:.2f}", f"{1000 * row['longest_block']:.0f}"]
        for kind, row in rows.items()
    ]
    limit = f"A block may last {1000 * LONGEST_BLOCK:.0f} ms, except during export and import."
    return [*table(head, values), "", limit]


if __name__ == "__main__":
    main()
