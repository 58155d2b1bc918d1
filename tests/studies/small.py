"""A comparison small enough for a test: two networks, two epochs, two seeds."""

from collections.abc import Sequence
from pathlib import Path

from monai_lwmisn.studies.compare import Comparison
from monai_lwmisn.studies.models import find_models
from monai_lwmisn.studies.protocol import load_protocol

TINY = {
    "search.epochs": 1,
    "search.warmup_epochs": 0,
    "architecture.stem_stride": 2,
    "architecture.node_width": [4, 4, 4],
    "search.lambda_latency": 0.0,
}
NAMES = ("unext_s", "lwmisn")


def comparison(out: Path, data: Path, test: bool = True, seeds: int = 2) -> Comparison:
    protocol = load_protocol("nuclei", "small", epochs=2, seeds=seeds, overrides=TINY)
    return Comparison(out, protocol, data, test, lambda text: None)


def run(work: Comparison, names: Sequence[str] = NAMES, resume: bool = True) -> dict[str, str]:
    work.prepare(resume=resume)
    return work.run(find_models(list(names), work.protocol.preset))
