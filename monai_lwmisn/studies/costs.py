"""The costs of the networks of a comparison, all measured in one process, with interleaved timing."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.inference.runtimes import RUNTIMES
from monai_lwmisn.light.libraries import is_installed
from monai_lwmisn.networks import Genotype
from monai_lwmisn.networks.export import export_onnx
from monai_lwmisn.profiling import (
    IMAGE_SIZE,
    THREADS,
    interleaved_times,
    multiply_accumulates,
    parameter_count,
    processor_name,
    torch_inference,
    use_threads,
)
from monai_lwmisn.studies.models import MODELS, Model, build_network, input_channels
from monai_lwmisn.studies.trials import DONE, Trial, read_trials

RUNTIME_LATENCIES = {"onnxruntime": "latency_onnx", "openvino": "latency_openvino"}
"""The name of the time under each runtime besides torch, see :meth:`monai_lwmisn.profiling.Timing.to_dict`."""

UNKNOWN = {f"{name}_ms": None for name in RUNTIME_LATENCIES.values()}


def obtain_costs(
    out: Path, in_channels: int, out_channels: int, say: Callable[[str], None] = print
) -> dict[str, dict[str, Any]]:
    """Return the costs of all trained networks of the comparison in ``out``.

    They are read from ``costs.json`` if it has all of them and no search has found another network since. Otherwise all
    are measured again, because times that were taken at different hours cannot be compared. So are those of a former
    release, which have no spread. Those of a former release that did not measure OpenVINO have no time there.

    Args:
        out: the folder of the comparison.
        in_channels: channels of the images.
        out_channels: channels of the logits.
        say: receives a message when the measurement begins.

    Returns:
        The result of :func:`measure`, with ``genotype``, a hash that identifies a searched network.

    Raises:
        ConfigError: a file of the comparison cannot be read.
    """
    file = out / "costs.json"
    kept = read_json(file, "remove it, and the costs are measured again") if file.is_file() else {}
    trained = {name: _genotype(out, model) for name, model in MODELS.items() if _is_trained(out, model)}
    marks = {name: _mark(genotype) for name, genotype in trained.items()}
    if all(
        kept.get(name, {}).get("genotype", "unknown") == mark and "latency_range_ms" in kept[name]
        for name, mark in marks.items()
    ):
        return {name: {**UNKNOWN, **cost} for name, cost in kept.items()}
    say(f"Measuring parameters, multiply-accumulates and times of {len(trained)} networks: this takes minutes")
    networks = {
        name: build_network(MODELS[name], genotype, in_channels, out_channels) for name, genotype in trained.items()
    }
    channels = {name: input_channels(genotype, in_channels) for name, genotype in trained.items()}
    costs = {name: {**cost, "genotype": marks[name]} for name, cost in measure(networks, channels).items()}
    write_json(costs, file, indent=1)
    return costs


def measure(networks: Mapping[str, nn.Module], channels: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Measure the costs of networks, each for one image (1, channels, 256, 256).

    Returns:
        For each name ``params``, ``macs``, ``latency_ms`` (torch, channels last), ``latency_onnx_ms`` (ONNX Runtime),
        ``latency_openvino_ms``, ``processor`` and ``software`` with versions, and the spread of the times, see
        :meth:`monai_lwmisn.profiling.Timing.to_dict`. A time is None where the runtime is not installed, or cannot
        express the network.
    """
    images = {name: torch.rand(1, channels[name], *IMAGE_SIZE) for name in networks}
    with use_threads(THREADS):
        counts = {
            name: {"params": parameter_count(network), "macs": multiply_accumulates(network, images[name])}
            for name, network in networks.items()
        }
        exported = {name: _exported(network, images[name]) for name, network in networks.items()}
        with torch.inference_mode():
            served = {name: torch_inference(network, images[name]) for name, network in networks.items()}
            times = interleaved_times(served)
            times_of = {
                runtime: interleaved_times(
                    {name: calls[runtime] for name, calls in exported.items() if runtime in calls}
                )
                for runtime in RUNTIME_LATENCIES
            }
    software = ", ".join(f"{name} {version(name)}" for name in ("torch", *filter(is_installed, RUNTIME_LATENCIES)))
    costs: dict[str, dict[str, Any]] = {}
    for name in networks:
        costs[name] = {**counts[name], **times[name].to_dict(), **UNKNOWN}
        for runtime, latency in RUNTIME_LATENCIES.items():
            if name in times_of[runtime]:
                costs[name] |= times_of[runtime][name].to_dict(latency)
        costs[name] |= {"processor": processor_name(), "software": software}
    return costs


def _is_trained(out: Path, model: Model) -> bool:
    done = {name for name, result in read_trials(out, model.name).items() if result["status"] == DONE}
    return (model.search is None or "search" in done) and any(name.startswith("seed_") for name in done)


def _genotype(out: Path, model: Model) -> Genotype | None:
    result = Trial(out, model.name, "search").result()
    return None if result is None else Genotype.from_dict(result["genotype"])


def _mark(genotype: Genotype | None) -> str | None:
    if genotype is None:
        return None
    return hashlib.sha256(json.dumps(genotype.to_dict(), sort_keys=True).encode()).hexdigest()[:16]


def _exported(network: nn.Module, image: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
    """Calls that run the exported network on ``image``, by the names of the installed runtimes that can express it."""
    calls: dict[str, Callable[[], torch.Tensor]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        for runtime in filter(is_installed, RUNTIME_LATENCIES):
            try:
                if not path.is_file():
                    export_onnx(network, image.shape[1], path)
                session = RUNTIMES[runtime](path, "cpu")
                session(image)
            except Exception:  # the exporter and the runtimes raise many classes
                continue
            calls[runtime] = partial(session, image)
    return calls
