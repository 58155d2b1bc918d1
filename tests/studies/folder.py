"""The folder of a comparison with invented results, so that the content of a report is known without a training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_lwmisn.profiling import Timing
from monai_lwmisn.studies.compare import SCHEMA_VERSION
from monai_lwmisn.studies.models import MODELS
from monai_lwmisn.studies.protocol import Protocol, load_protocol
from monai_lwmisn.studies.trials import Trial
from tests.networks.small import small_genotype

PROTOCOL = load_protocol("nuclei", "small", epochs=2, seeds=3)

COST = {
    "params": 1000,
    "macs": 2000,
    **Timing(3.0, 2.5, 3.5, True).to_dict(),
    **Timing(4.0, 3.5, 4.5, True).to_dict("latency_onnx"),
    **Timing(2.0, 1.5, 2.5, True).to_dict("latency_openvino"),
    "processor": "a processor",
    "software": "torch 1.2.3",
}
"""The costs of every network, unless a test says otherwise."""


def write(out: Path, name: str, trial: str, content: Mapping[str, Any]) -> None:
    """Write one result, with the status done unless the content says otherwise."""
    file = Trial(out, name, trial).file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"status": "done", "fingerprint": "", "seconds": 3600.0, **content}))


def write_protocol(out: Path, protocol: Protocol = PROTOCOL) -> None:
    """Write the file that makes a folder a comparison."""
    out.mkdir(parents=True, exist_ok=True)
    values = {"schema_version": SCHEMA_VERSION, **protocol.to_dict(), "images": ""}
    (out / "comparison.json").write_text(json.dumps(values))


def write_network(out: Path, name: str, scores: Mapping[int, Sequence[float | None]], test: bool = True) -> None:
    """Write the trainings of a network.

    Args:
        out: the folder.
        name: name of the network.
        scores: scores of the test cases, by seed.
        test: whether the network was evaluated on the test part. The validation DSC is 0.5 + seed / 100.
    """
    for rate in PROTOCOL.learning_rates:
        write(out, name, f"rate_{rate:g}", {"validation_dsc": rate})
    if MODELS[name].search is not None:
        write(out, name, "search", {"genotype": small_genotype().to_dict()})
    for seed, values in scores.items():
        result: dict[str, Any] = {
            "learning_rate": PROTOCOL.learning_rates[0],
            "epochs": 2,
            "device": "cpu",
            "validation_dsc": 0.5 + seed / 100,
        }
        if test:
            metrics = ("dsc", "miou", "dsc_256", "miou_256")
            known = [value for value in values if value is not None]
            mean = {metric: sum(known) / len(known) for metric in metrics}
            cases = [{"case": f"case{number}", **dict.fromkeys(metrics, value)} for number, value in enumerate(values)]
            result["test"] = {"mean": mean, "cases": cases}
        write(out, name, f"seed_{seed}", result)
