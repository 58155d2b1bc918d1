"""Measures the costs of a network: parameters, multiply-accumulates, time and memory of one inference."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from monai_lwmisn.inference.runtimes import RUNTIMES
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import export_onnx
from monai_lwmisn.networks.folding import fold_batch_norm

THREADS = 2
"""CPU threads of every latency that this project reports, unless a report names another number."""

IMAGE_SIZE = (256, 256)
"""Height and width in pixels of the image for which costs are given."""

LATENCY_RUNTIMES = ("torch", *RUNTIMES)

UNCOUNTED, COUNTED = 3, 7
"""Calls per round of the clock. The first ones do not count: the threads of the call before may still be busy."""

PATIENCE = 0.5
"""Seconds after which a round ends its uncounted calls, and its counted ones."""

WIDEST_SPREAD = 2.0
"""The largest 90th percentile of the times of a call, as a multiple of their 10th percentile, that is trusted.

Measured on a virtual machine of 2 cores with 2 threads and three networks of 0.07 to 0.39 GMac: 1.23 to 1.64 on the
quiet machine, 1.06 to 32 beside other programs.
"""

FREE_CORES = 0.25
"""Processor cores that other programs may take from the threads of a measurement.

The spread alone does not tell: beside programs that use all cores all the time, every call waits alike. The times of a
network were up to 350 times the usual one then, and their spread as small as 1.06. In the same measurements other
programs took at most 0.04 cores on the quiet machine, and 0.56 or more on the others.
"""

SHORTEST_LOAD = 0.25
"""Seconds from which on the load of other programs can be told: systems count it in hundredths of a second."""

ATTEMPTS = 3
"""How often an unreliable latency is measured, as long as that takes less than ``ATTEMPT_SECONDS`` in all."""

ATTEMPT_SECONDS = 10.0

UNRELIABLE = "unreliable: other programs are using the processor"


class Timing(NamedTuple):
    """The time of a call that was repeated.

    Attributes:
        milliseconds: the median.
        low, high: the 10th and the 90th percentile in milliseconds.
        reliable: whether the times are close together, and other programs left the threads alone.
    """

    milliseconds: float
    low: float
    high: float
    reliable: bool

    def to_dict(self, name: str = "latency") -> dict[str, Any]:
        """Return the entries of a JSON report: ``NAME_ms``, ``NAME_range_ms`` and ``NAME_reliable``."""
        return {
            f"{name}_ms": self.milliseconds,
            f"{name}_range_ms": [self.low, self.high],
            f"{name}_reliable": self.reliable,
        }


def format_latency(report: Mapping[str, Any], name: str = "latency") -> str:
    """Return the latency in a JSON report as text, with its spread or as unreliable.

    A latency of a former release was recorded without its spread, and the text says so.
    """
    if f"{name}_range_ms" not in report:
        return f"{report[f'{name}_ms']:.2f} ms (spread not recorded)"
    low, high = report[f"{name}_range_ms"]
    if not report[f"{name}_reliable"]:
        return f"{UNRELIABLE} ({low:.2f} to {high:.2f} ms)"
    return f"{report[f'{name}_ms']:.2f} ms ({low:.2f} to {high:.2f})"


def parameter_count(network: nn.Module) -> int:
    """The number of learned values."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_accumulates(network: nn.Module, image: torch.Tensor) -> int:
    """The multiply-accumulates of convolutions and matrix products for ``image`` (B, C, H, W).

    ``torch.utils.flop_counter`` counts a multiply-accumulate as two operations. Normalisation, activations, pooling
    and resizing are not counted, as in the paper.
    """
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.eval()(image)
    return counter.get_total_flops() // 2


def interleaved_times(
    calls: Mapping[str, Callable[[], object]], rounds: int = 10, clock: Callable[[], float] | None = None
) -> dict[str, Timing]:
    """Time each call, by name.

    The calls are interleaved: every round runs each of them several times, one after the other. A slow moment of the
    machine therefore affects all of them.

    Args:
        calls: what to time, by name.
        rounds: each has three uncounted and seven counted calls of every entry, fewer where a call is slow.
        clock: gives seconds; None for ``time.perf_counter``. With ``time.process_time``, which suits calls of one
            thread, other programs hardly disturb.
    """
    milliseconds: dict[str, list[float]] = {name: [] for name in calls}
    undisturbed = _watch_other_programs()
    for _ in range(rounds):
        for name, call in calls.items():
            _repeat(call, UNCOUNTED, clock)
            milliseconds[name] += _repeat(call, COUNTED, clock)
    alone = clock is time.process_time or undisturbed()
    timings = {}
    for name, times in milliseconds.items():
        low, median, high = (float(value) for value in np.percentile(times, (10, 50, 90)))
        timings[name] = Timing(median, low, high, alone and high <= WIDEST_SPREAD * low)
    return timings


def latency(
    network: nn.Module,
    image: torch.Tensor,
    runtime: str = "torch",
    *,
    threads: int = THREADS,
    rounds: int = 5,
) -> Timing:
    """Time one inference, by :func:`interleaved_times`; a time that is unreliable is measured again.

    Args:
        network: maps images to logits. Under torch it is timed as it is served, see :func:`torch_inference`.
        image: (B, C, H, W).
        runtime: ``torch``, or ``onnxruntime`` or ``openvino`` on the CPU.
        threads: CPU threads.
        rounds: see :func:`interleaved_times`.

    Raises:
        ConfigError: when the runtime is not installed.
    """
    with use_threads(threads):
        call = inference(network, image, runtime)
        start = time.perf_counter()
        for _ in range(ATTEMPTS):
            with torch.inference_mode():
                timing = interleaved_times({runtime: call}, rounds)[runtime]
            if timing.reliable or time.perf_counter() - start > ATTEMPT_SECONDS:
                break
    return timing


def inference(network: nn.Module, image: torch.Tensor, runtime: str) -> Callable[[], object]:
    """A call that runs ``network`` on ``image`` (B, C, H, W) with a runtime of ``LATENCY_RUNTIMES``.

    Raises:
        ConfigError: when the runtime is not installed.
    """
    return torch_inference(network, image) if runtime == "torch" else onnx_inference(network, image, runtime)


def torch_inference(network: nn.Module, image: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A call that runs a copy of ``network`` on ``image`` (B, C, H, W) with torch, on the device of the image.

    It runs as :func:`monai_lwmisn.inference.runtimes.place_network` serves it: in evaluation mode and channels-last
    memory format, with the batch normalisation folded that follows MONAI's convolutions, which most rivals have too.
    """
    folded = fold_batch_norm(network)
    placed = folded.to(device=image.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = image.to(memory_format=torch.channels_last)
    return lambda: placed(image)


def onnx_inference(network: nn.Module, image: torch.Tensor, runtime: str = "onnxruntime") -> Callable[[], torch.Tensor]:
    """A call that runs ``network``, exported as ONNX, on ``image`` (B, C, H, W), on as many threads as torch uses.

    Raises:
        ConfigError: when the runtime is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(network, image.shape[1], path)
        exported = RUNTIMES[runtime](path, "cpu")
    return lambda: exported(image)


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Let torch, and every session that is made meanwhile, compute on so many CPU threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def peak_memory_mb(network: nn.Module, image: torch.Tensor) -> float:
    """The peak memory that one inference of ``image`` (B, C, H, W) takes for activations, in megabytes (10^6 bytes).

    On the CPU it is the sum of the allocations and releases that torch's profiler records; on CUDA the allocator
    records the peak. Weights and the image itself are not part of it. The network is prepared as by
    :func:`torch_inference`.
    """
    inference = torch_inference(network, image)
    with torch.inference_mode():
        inference()
        if image.is_cuda:
            torch.cuda.reset_peak_memory_stats(image.device)
            before = torch.cuda.memory_allocated(image.device)
            inference()
            return (torch.cuda.max_memory_allocated(image.device) - before) / 1e6
        # The profiler's library otherwise writes its own start and stop lines to the terminal.
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recording:
            inference()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        recording.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = [event for event in events if event["name"] == "[memory]"]
    changes.sort(key=lambda event: (event["ts"], event["args"]["Ev Idx"]))
    return max(accumulate(event["args"]["Bytes"] for event in changes), default=0) / 1e6


def processor_name() -> str:
    """The name that the processor gives itself."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def example_image(in_channels: int) -> torch.Tensor:
    """The image with which a network is measured: (1, in_channels, 256, 256)."""
    return torch.rand((1, in_channels, *IMAGE_SIZE))


def network_costs(genotype: Genotype, *, threads: int = THREADS) -> dict[str, Any]:
    """The costs of the network that a genotype describes, with untrained weights.

    Returns:
        ``params``, ``macs`` (plain numbers), the entries of :meth:`Timing.to_dict` and ``peak_memory_mb`` (torch on the
        CPU, ``threads`` threads, one image of :func:`example_image`).
    """
    network = LWMISN(genotype).eval()
    image = example_image(genotype.architecture.input_channels)
    return {
        "params": parameter_count(network),
        "macs": multiply_accumulates(network, image),
        **latency(network, image, threads=threads).to_dict(),
        "peak_memory_mb": peak_memory_mb(network, image),
    }


def network_report(genotype: Genotype, *, threads: int = THREADS) -> dict[str, Any]:
    """The result of :func:`network_costs`, and ``genotype`` as its JSON form."""
    return {**network_costs(genotype, threads=threads), "genotype": genotype.to_dict()}


def _watch_other_programs() -> Callable[[], bool]:
    """Begin to watch the processor; the returned function tells whether other programs left the threads alone."""
    start, others_before = time.perf_counter(), _seconds_of_others()

    def undisturbed() -> bool:
        seconds = time.perf_counter() - start
        if seconds < SHORTEST_LOAD:
            return True
        spare = max(0, (psutil.cpu_count() or 1) - torch.get_num_threads())
        return (_seconds_of_others() - others_before) / seconds <= spare + FREE_CORES

    return undisturbed


def _seconds_of_others() -> float:
    """The processor time in seconds that all programs but this one have used since the machine started."""
    everyone, own = psutil.cpu_times(), psutil.Process().cpu_times()
    busy = sum(getattr(everyone, kind, 0.0) for kind in ("user", "nice", "system", "irq", "softirq", "steal"))
    return busy - own.user - own.system


def _repeat(call: Callable[[], object], times: int, clock: Callable[[], float] | None) -> list[float]:
    """The milliseconds of each of so many calls, or of as many as fit into the patience, but at least one."""
    tick = clock or time.perf_counter
    taken: list[float] = []
    while len(taken) < times and sum(taken) < PATIENCE * 1e3:
        start = tick()
        call()
        taken.append((tick() - start) * 1e3)
    return taken
