"""Several clients of one MONAI Label server at once: their waiting times, and whether all masks are right.

    PYTHONPATH=.:tests/label .venv-label/bin/python benchmarks/label_clients.py bundles/nuclei_microscopy_lwmisn \\
        --output docs/results/label_clients

tests/label is needed on PYTHONPATH only if torchvision is built for CUDA and torch is not.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reports import make_parser, table, write_result

from monai_lwmisn.profiling import processor_name
from tests.label.session import PLUGIN, Session, expected_masks, read_mask, session_of


def main() -> None:
    """Measure the answers and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--requests", type=int, default=40, help="requests of all clients together (default: 40)")
    arguments = parser.parse_args()
    with session_of(arguments.bundle) as session:
        expected = expected_masks(session)
        images = list(expected)
        _ask(session, images[0])  # the first request loads the weights
        with ThreadPoolExecutor(arguments.clients) as clients:
            asked = [images[index % len(images)] for index in range(arguments.requests)]
            answers = list(clients.map(lambda image: _ask(session, image), asked))
        right = sum(
            bool((read_mask(content, session)[0] == expected[image][0]).all())
            for image, (_, content) in zip(asked, answers, strict=True)
        )
    seconds = [second for second, _ in answers]
    result = {
        "bundle": arguments.bundle.name,
        "clients": arguments.clients,
        "requests": arguments.requests,
        "right": right,
        "median_seconds": statistics.median(seconds),
        "worst_seconds": max(seconds),
        "processor": processor_name(),
    }
    times = f"{result['median_seconds']:.2f}", f"{result['worst_seconds']:.2f}"
    rows = [(arguments.clients, arguments.requests, right, *times)]
    lines = [
        f"{arguments.bundle.name}, phantom images of 64 pixels, {result['processor']}.",
        "",
        *table(["clients", "requests", "right", "median s", "worst s"], rows),
    ]
    write_result(arguments.output, result, lines)


def _ask(session: Session, image: str) -> tuple[float, bytes]:
    began = time.perf_counter()
    answer = session.infer(image, **(PLUGIN if session.data["volumetric"] else {}))
    answer.raise_for_status()
    return time.perf_counter() - began, answer.content


if __name__ == "__main__":
    main()
