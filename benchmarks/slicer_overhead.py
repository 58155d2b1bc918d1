"""What the module for 3D Slicer adds to the network's own time, and how long it keeps Slicer from answering.

    .venv-slicer/bin/python benchmarks/slicer_overhead.py bundles/liver_ct_lwmisn --python .venv/bin/python \\
        --output docs/results/slicer_overhead

writes slicer_overhead.json and slicer_overhead.md. The scene and its volume are those of slicer-core; Slicer's event
loop is a loop that polls every 100 ms, as the panel does. Cold: the worker is started by Apply. Warm: it was started
when the bundle was chosen.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import slicer

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "slicer_module" / "LWMISN")]

from LWMISNLib.logic import SegmentationLogic  # noqa: E402

from tests.slicer_module.scene import new_scene  # noqa: E402

SHAPE = (100, 512, 512)
TARGETS = {"cold": 12.0, "warm": 6.0}
LONGEST_BLOCK = 0.1


def main() -> None:
    """Measure and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--python", required=True, help="interpreter that has MONAI")
    parser.add_argument("--runs", type=int, default=3, help="how often, of which the median counts (default: 3)")
    parser.add_argument("--output", type=Path, required=True, help="name of the files, without ending")
    arguments = parser.parse_args()
    new_scene()
    volume = slicer.util.addVolumeFromArray(_body(), name="CT")
    bundle, python = arguments.bundle.resolve(), os.path.abspath(arguments.python)
    rows = {kind: _median([measure(volume, bundle, python, kind) for _ in range(arguments.runs)]) for kind in TARGETS}
    result = {"volume": "x".join(map(str, SHAPE)), "machine": platform.machine(), "runs": arguments.runs, **rows}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = _markdown(rows)
    arguments.output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


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


def _markdown(rows: dict[str, dict[str, float]]) -> str:
    lines = [
        "| worker | total s | network s | beyond it s | target s | export s | import s | longest block, ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, row in rows.items():
        lines.append(
            f"| {kind} | {row['total']:.1f} | {row['network']:.1f} | {row['beyond_network']:.1f} | {TARGETS[kind]:g} | "
            f"{row['export']:.2f} | {row['import']:.2f} | {1000 * row['longest_block']:.0f} |"
        )
    lines.append(f"\nA block while running may last {1000 * LONGEST_BLOCK:.0f} ms; export and import are apart.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
