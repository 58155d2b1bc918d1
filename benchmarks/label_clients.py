"""Several annotators at once: clients of one MONAI Label server, their waiting times, and whether all masks are right.

    PYTHONPATH=.:tests/label .venv-label/bin/python benchmarks/label_clients.py bundles/nuclei_microscopy_lwmisn \\
        --output docs/results/label_clients

writes label_clients.json and label_clients.md. (tests/label only where torchvision needs a CUDA that torch lacks.)
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from monai_lwmisn.profiling import processor_name
from tests.label.session import PLUGIN, Session, expected_masks, read_mask, session_of


def main() -> None:
    """Measure and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--requests", type=int, default=40, help="of all clients together (default: 40)")
    parser.add_argument("--output", type=Path, required=True, help="name of the files, without ending")
    arguments = parser.parse_args()
    with session_of(arguments.bundle) as session:
        expected = expected_masks(session)
        images = list(expected)
        _ask(session, images[0])  # the first loads the weights
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
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = (
        f"{arguments.bundle.name}, made images of 64 pixels, {result['processor']}.\n\n"
        "| clients | requests | right | median s | worst s |\n|---|---|---|---|---|\n"
        f"| {arguments.clients} | {arguments.requests} | {right} | {result['median_seconds']:.2f} | "
        f"{result['worst_seconds']:.2f} |\n"
    )
    arguments.output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def _ask(session: Session, image: str) -> tuple[float, bytes]:
    began = time.perf_counter()
    answer = session.infer(image, **(PLUGIN if session.data["volumetric"] else {}))
    answer.raise_for_status()
    return time.perf_counter() - began, answer.content


if __name__ == "__main__":
    main()
