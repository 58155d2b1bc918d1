"""Measures the costs of a network: parameters, multiply-accumulates, time and memory of one inference."""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from monai_lwmisn.inference.runtimes import ONNXRuntimeNetwork
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import export_onnx

THREADS = 2
"""CPU threads of every latency that this project reports, unless a report names another number."""

IMAGE_SIZE = (256, 256)
"""Height and width in pixels of the image for which costs are given."""

LATENCY_RUNTIMES = ("torch", "onnxruntime")

UNCOUNTED, COUNTED = 3, 7
"""Calls per round of the clock. The first ones do not count: the threads of the call before may still be busy."""

PATIENCE = 0.5
"""Seconds after which a round ends its uncounted calls, and its counted ones."""


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


def interleaved_ms(calls: Mapping[str, Callable[[], object]], rounds: int = 10) -> dict[str, float]:
    """The median time of each call in milliseconds.

    The calls are interleaved: every round runs each of them several times, one after the other. A slow moment of the
    machine therefore affects all of them.

    Args:
        calls: what to time, by name.
        rounds: each has three uncounted and seven counted calls of every entry, fewer where a call is slow.
    """
    milliseconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            _repeat(call, UNCOUNTED)
            milliseconds[name] += _repeat(call, COUNTED)
    return {name: statistics.median(times) for name, times in milliseconds.items()}


def latency_ms(
    network: nn.Module,
    image: torch.Tensor,
    runtime: str = "torch",
    *,
    threads: int = THREADS,
    rounds: int = 5,
) -> float:
    """The median time in milliseconds of one inference, by :func:`interleaved_ms`.

    Args:
        network: maps images to logits. Under torch it is put in evaluation mode and in channels-last memory format, on
            the device of ``image``.
        image: (B, C, H, W).
        runtime: ``torch``, or ``onnxruntime`` on the CPU.
        threads: CPU threads.
        rounds: see :func:`interleaved_ms`.

    Raises:
        ConfigError: when ONNX Runtime is asked for and is not installed.
    """
    with use_threads(threads):
        inference = onnx_inference(network, image) if runtime == "onnxruntime" else torch_inference(network, image)
        with torch.inference_mode():
            return interleaved_ms({runtime: inference}, rounds)[runtime]


def torch_inference(network: nn.Module, image: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A call that runs ``network`` on ``image`` (B, C, H, W) with torch, both in channels-last memory format."""
    network, image = _in_channels_last(network, image)
    return lambda: network(image)


def onnx_inference(network: nn.Module, image: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A call that runs ``network`` on ``image`` (B, C, H, W) with ONNX Runtime, on as many threads as torch uses.

    Raises:
        ConfigError: when ONNX Runtime is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(network, image.shape[1], path)
        exported = ONNXRuntimeNetwork(path, "cpu")
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


def example_image(genotype: Genotype) -> torch.Tensor:
    """The image with which a genotype's network is measured: (1, in_channels, 256, 256)."""
    return torch.rand((1, genotype.architecture.in_channels, *IMAGE_SIZE))


def network_costs(genotype: Genotype, *, threads: int = THREADS) -> dict[str, Any]:
    """The costs of the network that a genotype describes, with untrained weights.

    Returns:
        ``params``, ``macs`` (plain numbers), ``latency_ms`` and ``peak_memory_mb`` (torch on the CPU, ``threads``
        threads, one image of :func:`example_image`).
    """
    network = LWMISN(genotype).eval()
    image = example_image(genotype)
    return {
        "params": parameter_count(network),
        "macs": multiply_accumulates(network, image),
        "latency_ms": latency_ms(network, image, threads=threads),
        "peak_memory_mb": peak_memory_mb(network, image),
    }


def network_report(genotype: Genotype, *, threads: int = THREADS) -> dict[str, Any]:
    """The result of :func:`network_costs`, and ``genotype`` as its JSON form."""
    return {**network_costs(genotype, threads=threads), "genotype": genotype.to_dict()}


def _in_channels_last(network: nn.Module, image: torch.Tensor) -> tuple[nn.Module, torch.Tensor]:
    """A network in evaluation mode and an image, both in the memory format that is fastest on a processor."""
    network = network.eval().to(device=image.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, image.to(memory_format=torch.channels_last)


def _repeat(call: Callable[[], object], times: int) -> list[float]:
    """The milliseconds of each of so many calls, or of as many as fit into the patience, but at least one."""
    taken: list[float] = []
    while len(taken) < times and sum(taken) < PATIENCE * 1e3:
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken
