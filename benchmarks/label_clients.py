"""Many clients of one MONAI Label server beside its training: are all answers right, how long do they take, and does
the server's memory grow?

    PYTHONPATH=.:tests/label .venv-label/bin/python benchmarks/label_clients.py bundles/nuclei_microscopy_lwmisn \\
        --output docs/results/label_clients

A fifth of the requests is broken, and must get a sentence. tests/label is needed on PYTHONPATH only if torchvision is
built for CUDA and torch is not.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from reports import make_parser, table, write_result

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.profiling import processor_name
from tests.label.load import ask_at_once, broken_requests
from tests.label.session import put_labels, session_of, wait


def main() -> None:
    """Measure the answers and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=400, help="requests of all clients together (default: 400)")
    parser.add_argument("--seed", type=int, default=0, help="of their order (default: 0)")
    arguments = parser.parse_args()
    with session_of(arguments.bundle) as session:
        put_labels(session)
        history = session.bundle / "train" / "history.jsonl"
        session.post(f"/train/{session.bundle.name}", json={"max_epochs": 100_000}).raise_for_status()
        wait(lambda: len(read_history(history)) > 1, session.process, "The training does not begin")
        before = len(read_history(history))
        answers = ask_at_once(session, arguments.clients, arguments.requests, arguments.seed)
        trained = len(read_history(history)) - before
        session.ask("DELETE", "/train/").raise_for_status()
        broken = set(broken_requests(session))
    # The first requests load the weights and fill the caches of the libraries.
    quarter = len(answers) // 4
    first, last = (max(answer.memory_mb for answer in part) for part in (answers[:quarter], answers[-quarter:]))
    seconds = [answer.seconds for answer in answers]
    result = {
        "bundle": arguments.bundle.name,
        "seed": arguments.seed,
        "clients": arguments.clients,
        "requests": len(answers),
        "broken": sum(answer.kind in broken for answer in answers),
        "right": sum(answer.right for answer in answers),
        "epochs_trained_meanwhile": trained,
        "memory_mb_first_quarter": first,
        "memory_mb_last_quarter": last,
        "median_seconds": statistics.median(seconds),
        "worst_seconds": max(seconds),
        "processor": processor_name(),
    }
    counts = [result[name] for name in ("clients", "requests", "broken", "right", "epochs_trained_meanwhile")]
    memory = f"{first:.0f}", f"{last:.0f}", f"{last / first - 1:+.1%}"
    times = f"{result['median_seconds']:.2f}", f"{result['worst_seconds']:.2f}"
    head = ["clients", "requests", "of these broken", "right", "epochs trained meanwhile"]
    head += ["MB, first quarter", "MB, last quarter", "growth", "median s", "worst s"]
    lines = [
        f"{arguments.bundle.name}, phantom images of 64 pixels, {result['processor']}.",
        "",
        *table(head, [(*counts, *memory, *times)]),
        "",
        "MB is the largest resident memory of the server, without the process of the training, in the first and in the",
        "last quarter of the answers.",
    ]
    write_result(arguments.output, result, lines)


if __name__ == "__main__":
    main()
