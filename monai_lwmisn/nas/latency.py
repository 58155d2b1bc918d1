"""Measured costs: milliseconds of single operations, kept in a JSON file, and the costs of a whole network.

Parameters and multiply-accumulates do not predict the time of memory-bound operations on a processor. The search can
therefore use milliseconds that were measured on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.nas.derivation import Measure
from monai_lwmisn.networks import LWMISN, Architecture, Genotype
from monai_lwmisn.profiling import (
    LATENCY_RUNTIMES,
    THREADS,
    example_image,
    latency_ms,
    multiply_accumulates,
    parameter_count,
    processor_name,
)

ROUNDS = 2
"""Rounds of the clock for a single operation, see :func:`monai_lwmisn.profiling.interleaved_ms`."""


class LatencyTable:
    """Milliseconds by network and input, each measured once on this machine and kept in a JSON file.

    The file names the runtime, the threads and the processor. A file of another machine or runtime is measured anew.

    Args:
        folder: the folder of latency.json.
        runtime: ``torch`` (channels last) or ``onnxruntime``.
        threads: threads of the runtime.

    Raises:
        ConfigError: for an unknown runtime, or a damaged file.
    """

    def __init__(self, folder: str | Path, runtime: str = "torch", threads: int = THREADS) -> None:
        if runtime not in LATENCY_RUNTIMES:
            raise ConfigError(f"search.latency_runtime is {runtime!r}: use one of {', '.join(LATENCY_RUNTIMES)}.")
        self.path = Path(folder) / "latency.json"
        self.runtime, self.threads = runtime, threads
        self.machine = {"runtime": runtime, "threads": threads, "processor": processor_name()}
        self.milliseconds: dict[str, float] = {}
        if self.path.is_file():
            known = read_json(self.path, "remove it, and it is measured anew")
            if known["machine"] == self.machine:
                self.milliseconds = known["milliseconds"]

    def __call__(self, name: str, network: nn.Module, image: torch.Tensor) -> float:
        """Return the milliseconds of one inference of ``image`` (1, C, H, W) by the network of that name."""
        key = f"{name} {'x'.join(map(str, image.shape[1:]))}"
        if key not in self.milliseconds:
            self.milliseconds[key] = latency_ms(network, image, self.runtime, threads=self.threads, rounds=ROUNDS)
            write_json({"machine": self.machine, "milliseconds": self.milliseconds}, self.path, indent=1)
        return self.milliseconds[key]


def true_costs(architecture: Architecture, budget: Mapping[str, float | None], runtime: str = "torch") -> Measure:
    """Return a function that measures the network with given edges. It measures time only if the budget limits it."""
    timed = budget.get("latency_ms") is not None
    return lambda edges: measure_network(Genotype(architecture, edges), runtime if timed else None)


def measure_network(genotype: Genotype, runtime: str | None = "torch") -> dict[str, float]:
    """Measure the network of a genotype.

    Returns:
        ``params``, ``macs`` and ``latency_ms`` under ``runtime``; 0 milliseconds for the runtime None.
    """
    network, image = LWMISN(genotype).eval(), example_image(genotype)
    return {
        "params": parameter_count(network),
        "macs": multiply_accumulates(network, image),
        "latency_ms": 0.0 if runtime is None else latency_ms(network, image, runtime),
    }
