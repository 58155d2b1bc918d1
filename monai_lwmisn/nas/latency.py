"""Measured costs: milliseconds of single operations, kept in a JSON file, and the costs of a whole network.

Parameters and multiply-accumulates do not predict the time of memory-bound operations on a processor. The search can
therefore use milliseconds that were measured on this machine. Beside other programs it uses the counts.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from monai_lwmisn.errors import BudgetError, ConfigError, FigureWarning
from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.nas.budget import UNMEASURABLE
from monai_lwmisn.nas.costs import Parts
from monai_lwmisn.nas.derivation import Measure
from monai_lwmisn.networks import LWMISN, Architecture, Genotype
from monai_lwmisn.profiling import (
    ATTEMPTS,
    LATENCY_RUNTIMES,
    THREADS,
    example_image,
    inference,
    interleaved_times,
    latency,
    multiply_accumulates,
    parameter_count,
    processor_name,
    use_threads,
)

ROUNDS = 5
"""Rounds of the clock for the operations, see :func:`monai_lwmisn.profiling.interleaved_times`."""

MS_PER_GMAC = 80.0
"""Milliseconds that stand for 10^9 multiply-accumulates where times cannot be measured.

The times of this project's networks in README.md are 57 to 107 ms for 10^9.
"""

COUNTED = (
    "The times of the operations cannot be measured while other programs are using the processor: the search weighs "
    f"multiply-accumulates instead, {MS_PER_GMAC:g} ms for 10^9. For times, stop the other programs and search again."
)


class LatencyTable:
    """Milliseconds of parts of an architecture, measured once on this machine and kept in a JSON file.

    The file names the runtime, the threads and the processor. A file of another machine or runtime is measured anew.

    If other programs are using the processor, the milliseconds are computed from multiply-accumulates, with a warning.
    The file then says ``"by": "counts"``, and a resumed search uses it wherever it runs. The part with the most
    multiply-accumulates tells whether they are: it takes long enough to be interrupted.

    Args:
        folder: the folder of latency.json.
        runtime: ``torch`` (channels last), ``onnxruntime`` or ``openvino``.
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
        self.by = "clock"
        self.milliseconds: dict[str, float] = {}
        if self.path.is_file():
            known = read_json(self.path, "remove it, and it is measured anew")
            by = known.get("by", "clock")
            if known["machine"] == self.machine or by == "counts":
                self.milliseconds, self.by = known["milliseconds"], by

    def __call__(self, parts: Parts) -> dict[str, float]:
        """Return the milliseconds of one inference by each part; all are measured, or all are computed from counts."""
        missing = {key: part for key, part in parts.items() if key not in self.milliseconds}
        if missing:
            measured = self._measure(missing) if self.by == "clock" else None
            if measured is None:
                if self.by == "clock":
                    warnings.warn(COUNTED, FigureWarning, stacklevel=2)
                self.by, missing, measured = "counts", dict(parts), _by_counts(parts)
            self.milliseconds |= {key: measured[key] for key in missing}
            write_json({"machine": self.machine, "by": self.by, "milliseconds": self.milliseconds}, self.path, indent=1)
        return {key: self.milliseconds[key] for key in parts}

    def _measure(self, parts: Parts) -> dict[str, float] | None:
        """Return the milliseconds of each part; None if they are unreliable each time."""
        largest = max(parts, key=lambda key: multiply_accumulates(*parts[key]))
        for _ in range(ATTEMPTS):
            if not latency(*parts[largest], self.runtime, threads=self.threads).reliable:
                break  # it was measured several times
            with use_threads(self.threads):
                calls = {key: inference(*part, self.runtime) for key, part in parts.items()}
                with torch.inference_mode():
                    timings = interleaved_times(calls, ROUNDS)
            if timings[largest].reliable:
                return {key: timing.milliseconds for key, timing in timings.items()}
        return None


def _by_counts(parts: Parts) -> dict[str, float]:
    return {key: MS_PER_GMAC * multiply_accumulates(*part) / 1e9 for key, part in parts.items()}


def true_costs(architecture: Architecture, budget: Mapping[str, float | None], runtime: str = "torch") -> Measure:
    """Return a function that measures the network with given edges. It measures time only if the budget limits it."""
    timed = budget.get("latency_ms") is not None
    return lambda edges: measure_network(Genotype(architecture, edges), runtime if timed else None)


def measure_network(genotype: Genotype, runtime: str | None = "torch") -> dict[str, float]:
    """Measure the network of a genotype.

    Returns:
        ``params``, ``macs`` and ``latency_ms`` under ``runtime``; 0 milliseconds for the runtime None.

    Raises:
        BudgetError: the time is unreliable, so nobody knows whether a limit is kept.
    """
    network, image = LWMISN(genotype).eval(), example_image(genotype.architecture.input_channels)
    milliseconds = 0.0
    if runtime is not None:
        timing = latency(network, image, runtime)
        if not timing.reliable:
            raise BudgetError(UNMEASURABLE)
        milliseconds = timing.milliseconds
    return {
        "params": parameter_count(network),
        "macs": multiply_accumulates(network, image),
        "latency_ms": milliseconds,
    }
