"""Measured latency: of single operations, kept in a JSON table, and of the whole network that was found.

Parameters and multiply-accumulates do not predict the time of memory-bound operations on a processor, so the search
can price milliseconds that were measured on the machine at hand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from monai.utils import optional_import
from torch import nn
from torch.utils.benchmark import Timer

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.nas.derivation import Measure
from monai_lwmisn.networks import LWMISN, Architecture, Genotype
from monai_lwmisn.profiling import (
    THREADS,
    example_image,
    in_channels_last,
    latency_ms,
    multiply_accumulates,
    parameter_count,
    processor_name,
)

_REPEATS = 15


class LatencyTable:
    """Milliseconds by network and input, each measured once on this machine and kept in a JSON file.

    The file names the runtime, the threads and the processor; one of another machine or runtime is measured anew.

    Args:
        path: the file.
        runtime: ``torch`` (channels last) or ``onnxruntime``.
        threads: threads of the runtime.

    Raises:
        ConfigError: for an unknown runtime, or a damaged file.
    """

    def __init__(self, path: str | Path, runtime: str = "torch", threads: int = THREADS) -> None:
        if runtime not in RUNTIMES:
            raise ConfigError(f"latency_runtime is {runtime!r}: use one of {', '.join(RUNTIMES)}.")
        self.path = Path(path)
        self.runtime, self.threads = runtime, threads
        machine = {"runtime": runtime, "threads": threads, "processor": processor_name()}
        self.machine = machine
        self.milliseconds: dict[str, float] = {}
        if self.path.is_file():
            known = read_json(self.path, "remove it, and it is measured anew")
            if known["machine"] == machine:
                self.milliseconds = known["milliseconds"]

    def __call__(self, name: str, network: nn.Module, image: torch.Tensor) -> float:
        """Milliseconds of one inference of ``image`` (1, C, ...) by the network of that name."""
        key = f"{name} {'x'.join(map(str, image.shape[1:]))}"
        if key not in self.milliseconds:
            self.milliseconds[key] = RUNTIMES[self.runtime](network, image, threads=self.threads)
            content = {"machine": self.machine, "milliseconds": self.milliseconds}
            write_json(content, self.path, indent=1)
        return self.milliseconds[key]


def torch_latency_ms(network: nn.Module, image: torch.Tensor, *, threads: int = THREADS) -> float:
    """Milliseconds of one inference of ``image`` (1, C, ...) by torch, channels last."""
    network, image = in_channels_last(network, image)
    with torch.inference_mode():
        return _fastest_ms(Timer("network(image)", globals={"network": network, "image": image}, num_threads=threads))


def onnxruntime_latency_ms(network: nn.Module, image: torch.Tensor, *, threads: int = THREADS) -> float:
    """Milliseconds of one inference of ``image`` (1, C, ...) under ONNX Runtime on the processor.

    Raises:
        ConfigError: when onnxruntime is not installed.
    """
    onnxruntime, has_runtime = optional_import("onnxruntime")
    if not has_runtime:
        raise ConfigError("latency_runtime=onnxruntime needs onnxruntime: pip install onnxruntime.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/network.onnx"
        torch.onnx.export(network.eval(), (image,), file, dynamo=True, verbose=False)
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: image.numpy()}
    return _fastest_ms(Timer("session.run(None, feed)", globals={"session": session, "feed": feed}))


def _fastest_ms(timer: Timer) -> float:
    # The fastest of many short runs is what the operation costs; medians of so small times hold what else was going on.
    timer.timeit(2)
    return min(timer.timeit(1).mean for _ in range(_REPEATS)) * 1e3


RUNTIMES = {"torch": torch_latency_ms, "onnxruntime": onnxruntime_latency_ms}
"""How a single operation is timed."""

_WHOLE = {"torch": latency_ms, "onnxruntime": onnxruntime_latency_ms}
"""How a whole network is timed: under torch as `lwmisn show` does."""


def true_costs(architecture: Architecture, budget: Mapping[str, float | None], runtime: str = "torch") -> Measure:
    """A function that measures the network with given edges, its time only where the budget limits it."""
    timed = budget.get("latency_ms") is not None
    return lambda edges: measure_network(Genotype(architecture, edges), runtime if timed else None)


def measure_network(genotype: Genotype, runtime: str | None = "torch") -> dict[str, float]:
    """Parameters, multiply-accumulates and, under ``runtime`` (None: 0), milliseconds of a genotype's network."""
    network, image = LWMISN(genotype).eval(), example_image(genotype)
    return {
        "params": parameter_count(network),
        "macs": multiply_accumulates(network, image),
        "latency_ms": 0.0 if runtime is None else _WHOLE[runtime](network, image),
    }
