"""The time that the module for 3D Slicer adds to the network's time, and how long it blocks Slicer.

    .venv-slicer/bin/python benchmarks/slicer_overhead.py bundles/liver_ct_lwmisn --torch .venv/bin/python \\
        --output docs/results/slicer_overhead

The scene and its volume are those of slicer-core. A loop that polls every 100 ms, as the panel does, stands for
Slicer's event loop. Cold: Apply starts the worker. Warm: the choice of the bundle has started it. The processor seconds
are those of the worker from its start to its end, because the machine may do other work.
"""

from __future__ import annotations

import os
import platform
import resource
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

from LWMISNLib.logic import Options, SegmentationLogic  # noqa: E402

from tests.slicer_module.scene import new_scene  # noqa: E402

SHAPE = (100, 512, 512)
DEVICES = {"light": "auto", "torch": "cpu"}
TARGETS = {"one slice, cold": 1.5, "volume, cold": 12.0, "volume, warm": 6.0}
"""Seconds beyond the network; of one slice, of the light runtime, all seconds."""

LONGEST_BLOCK = 0.1


def main() -> None:
    """Measure each kind of start with each runtime, and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--python", default=sys.executable, help="Python interpreter with the light runtime's packages")
    parser.add_argument("--torch", help="Python interpreter with torch and MONAI; without it, they are not measured")
    parser.add_argument("--runs", type=int, default=3, help="number of repetitions; the median counts (default: 3)")
    arguments = parser.parse_args()
    new_scene()
    body = _body()
    volumes = {"one slice": body[50:51], "volume": body}
    nodes = {name: slicer.util.addVolumeFromArray(voxels, name="CT") for name, voxels in volumes.items()}
    pythons = {"light": arguments.python, **({"torch": arguments.torch} if arguments.torch else {})}
    rows = []
    for runtime, python in pythons.items():
        for kind, target in TARGETS.items():
            name, _, start = kind.partition(", ")
            given = nodes[name], arguments.bundle.resolve(), os.path.abspath(python), DEVICES[runtime], start
            runs = [measure(*given) for _ in range(arguments.runs)]
            rows.append({"runtime": runtime, "kind": kind, "target": target, **_median(runs)})
    result = {
        "volume": "x".join(map(str, SHAPE)),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "runs": arguments.runs,
        "rows": rows,
    }
    write_result(arguments.output, result, _markdown(rows, result))


def measure(volume: Any, bundle: Path, python: str, device: str, start: str) -> dict[str, float | None]:
    """Seconds of one segmentation, from Apply to the segments in the scene."""
    logic, before = SegmentationLogic(python), _processor_seconds()
    if start == "warm":
        logic.warm_up(bundle, device)
        while not any(event["event"] == "ready" for event in logic._worker.events()):
            time.sleep(0.05)
    began = time.perf_counter()
    logic.start(volume, bundle, Options(device=device))
    exported = time.perf_counter()
    seen: list[tuple[float, int]] = []
    blocks = [0.0]
    while True:
        polled = time.perf_counter()
        status = logic.poll()
        now = time.perf_counter()
        if status.done and (not seen or status.done != seen[-1][1]):
            seen.append((now, status.done))
        if status.state != "running":
            break
        blocks.append(now - polled)
        time.sleep(0.1)
    assert status.state == "done", status.message
    slicer.mrmlScene.RemoveNode(status.node)
    logic.close()
    network = None
    if len(seen) > 1:
        (first, done_first), (last, done_last) = seen[0], seen[-1]
        network = (last - first) / (done_last - done_first) * done_last
    return {
        "total": now - began,
        "processor": _processor_seconds() - before,
        "network": network,
        "beyond_network": None if network is None else now - began - network,
        "export": exported - began,
        "import": now - polled,
        "longest_block": max(blocks),
    }


def _processor_seconds() -> float:
    """Of all processes that this one has started, and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _body() -> np.ndarray:
    """Soft tissue in air, with noise, in Hounsfield units (k, j, i)."""
    k, j, i = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    body = ((j - 256) / 160) ** 2 + ((i - 256) / 220) ** 2 + 0 * k < 1
    noise = np.random.default_rng(0).normal(0, 20, SHAPE)
    return (np.where(body, 60, -1000) + noise).astype(np.int16)


def _median(runs: list[dict[str, float | None]]) -> dict[str, float | None]:
    found = {name: [run[name] for run in runs if run[name] is not None] for name in runs[0]}
    return {name: statistics.median(values) if values else None for name, values in found.items()}


def _markdown(rows: list[dict[str, Any]], result: dict[str, Any]) -> list[str]:
    head = ["runtime", "what", "total s", "processor s", "network s", "beyond it s", "target s", "export s", "import s"]
    values = [
        [row["runtime"], row["kind"], f"{row['total']:.1f}", f"{row['processor']:.1f}"]
        + ["" if row[name] is None else f"{row[name]:.1f}" for name in ("network", "beyond_network")]
        + [f"{row['target']:g}", f"{row['export']:.2f}", f"{row['import']:.2f}", f"{1000 * row['longest_block']:.0f}"]
        for row in rows
    ]
    return [
        *table([*head, "longest block, ms"], values),
        "",
        f"A block may last {1000 * LONGEST_BLOCK:.0f} ms, except during export and import. The load of the machine "
        f"with {result['processors']} processors was {result['load']:.1f}: where it is above their number, the seconds "
        "on the clock are those of a machine that does other work, and the processor seconds say more.",
    ]


if __name__ == "__main__":
    main()
