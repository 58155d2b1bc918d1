"""What an annotator waits for in MONAI Label, by the runtime of the masks: the first mask, and each further one.

    PYTHONPATH=.:tests/label .venv-label/bin/python benchmarks/label_runtime.py bundles/liver_ct_lwmisn \\
        --images case1.nii.gz case2.nii.gz --output docs/results/label_runtime_liver

A server is started for each runtime, one after the other and --rounds times. The first mask is that of the first image
after the start; then each image is asked for. tests/label is needed on PYTHONPATH only if torchvision is built for CUDA
and torch is not.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from reports import make_parser, table, write_result

from monai_lwmisn.label.onnx_files import onnx_file
from monai_lwmisn.profiling import processor_name
from tests.label.session import PLUGIN, Session, session_of

RUNTIMES = ("torch", "onnxruntime", "openvino")


def main() -> None:
    """Measure the runtimes and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--rounds", type=int, default=3, help="servers of each runtime (default: 3)")
    arguments = parser.parse_args()

    def write(data: dict[str, Any], folder: Path) -> dict[str, Path]:
        folder.mkdir()
        for image in arguments.images:
            shutil.copy(image, folder)
        return {image.name.partition(".")[0]: image for image in arguments.images}

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(shutil.copytree(arguments.bundle, folder, dirs_exist_ok=True)) / "models" / "model.pt"
        made = timed(lambda: onnx_file(weights), psutil.Process())
    servers: dict[str, list[dict[str, Any]]] = {runtime: [] for runtime in RUNTIMES}
    for _ in range(arguments.rounds):
        for runtime in RUNTIMES:
            with session_of(arguments.bundle, write, runtime=runtime) as session:
                servers[runtime].append(measure(session))
    names = [image.name for image in arguments.images]
    result = {"bundle": arguments.bundle.name, "images": names, "onnx_file": made, "servers": servers}
    head = ["runtime", "first mask, s", "processor s", "each further, s", "processor s", "MiB"]
    lines = [
        f"{arguments.bundle.name}, {', '.join(names)}, {processor_name()}, medians of {arguments.rounds} servers, in "
        f"brackets the least and the most. Load of the machine at the end: {psutil.getloadavg()[0]:.1f}.",
        "",
        *table(head, [(runtime, *cells(measured)) for runtime, measured in servers.items()]),
        "",
        f"Writing the ONNX file took {made[0]:.1f} s and {made[1]:.1f} s of the processors.",
    ]
    write_result(arguments.output, {**result, "processor": processor_name()}, lines)


def cells(servers: list[dict[str, Any]]) -> list[str]:
    """The cells of a runtime's row."""
    found = []
    for number in (0, 1):
        found.append([server["first"][number] for server in servers])
    for number in (0, 1):
        found.append([one[number] for server in servers for one in server["further"]])
    texts = [f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})" for values in found]
    return [*texts, f"{statistics.median(server['mib'] for server in servers):.0f}"]


def measure(session: Session) -> dict[str, Any]:
    """Seconds and processor seconds of the masks, and the memory after them."""
    server = psutil.Process(session.process)
    parameters = PLUGIN if session.data["volumetric"] else {}

    def ask(image: str) -> tuple[float, float]:
        def work() -> None:
            session.infer(image, **parameters).raise_for_status()

        return timed(work, server)

    images = list(session.truths)
    first = ask(images[0])
    further = [ask(image) for image in images]
    return {"first": first, "further": further, "mib": server.memory_info().rss / 2**20}


def timed(work: Callable[[], None], process: psutil.Process) -> tuple[float, float]:
    """Seconds and processor seconds that a process needs for some work."""
    began, used = time.perf_counter(), sum(process.cpu_times()[:2])
    work()
    return time.perf_counter() - began, sum(process.cpu_times()[:2]) - used


if __name__ == "__main__":
    main()
