"""The costs of the networks of a comparison, all measured in one process, with interleaved timing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.inference.runtimes import is_installed
from monai_lwmisn.networks import Genotype
from monai_lwmisn.profiling import (
    IMAGE_SIZE,
    THREADS,
    interleaved_times,
    multiply_accumulates,
    onnx_inference,
    parameter_count,
    processor_name,
    torch_inference,
    use_threads,
)
from monai_lwmisn.studies.models import MODELS, Model, build_network
from monai_lwmisn.studies.trials import DONE, Trial, read_trials


def obtain_costs(
    out: Path, in_channels: int, out_channels: int, say: Callable[[str], None] = print
) -> dict[str, dict[str, Any]]:
    """Return the costs of all trained networks of the comparison in ``out``.

    They are read from ``costs.json`` if it has all of them and no search has found another network since. Otherwise all
    are measured again, because times that were taken at different hours cannot be compared. So are those of a former
    release, which have no spread.

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
        return kept
    say(f"Measuring parameters, multiply-accumulates and times of {len(trained)} networks: this takes minutes")
    networks = {
        name: build_network(MODELS[name], genotype, in_channels, out_channels) for name, genotype in trained.items()
    }
    costs = {name: {**cost, "genotype": marks[name]} for name, cost in measure(networks, in_channels).items()}
    write_json(costs, file, indent=1)
    return costs


def measure(networks: Mapping[str, nn.Module], in_channels: int) -> dict[str, dict[str, Any]]:
    """Measure the costs of networks for one image (1, in_channels, 256, 256).

    Returns:
        For each name ``params``, ``macs``, ``latency_ms`` (torch, channels last), ``latency_onnx_ms`` (ONNX Runtime, or
        None if it is not installed or ONNX cannot express the network), ``processor`` and ``software`` with versions,
        and the spread of both times, see :meth:`monai_lwmisn.profiling.Timing.to_dict`.
    """
    image = torch.rand(1, in_channels, *IMAGE_SIZE)
    with use_threads(THREADS):
        counts = {
            name: {"params": parameter_count(network), "macs": multiply_accumulates(network, image)}
            for name, network in networks.items()
        }
        exported = {name: _onnx_inference(network, image) for name, network in networks.items()}
        with torch.inference_mode():
            times = interleaved_times({name: torch_inference(network, image) for name, network in networks.items()})
            times_onnx = interleaved_times({name: call for name, call in exported.items() if call is not None})
    runtimes = ["onnxruntime"] if is_installed("onnxruntime") else []
    software = ", ".join(f"{name} {version(name)}" for name in ("torch", *runtimes))
    return {
        name: {
            **counts[name],
            **times[name].to_dict(),
            **(times_onnx[name].to_dict("latency_onnx") if name in times_onnx else {"latency_onnx_ms": None}),
            "processor": processor_name(),
            "software": software,
        }
        for name in networks
    }


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


def _onnx_inference(network: nn.Module, image: torch.Tensor) -> Callable[[], torch.Tensor] | None:
    if not is_installed("onnxruntime"):
        return None
    try:
        return onnx_inference(network, image)
    except Exception:  # the exporter raises many classes
        return None
