"""What a network costs: parameters, multiply-accumulates, time and memory of one inference."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from monai_lwmisn.networks.genotype import Genotype
from monai_lwmisn.networks.lwmisn import LWMISN

THREADS = 2
"""Threads of every latency reported by this project, unless it says otherwise."""

IMAGE_SIZE = (256, 256)
"""Height and width of the image for which costs are given."""


def parameter_count(network: nn.Module) -> int:
    """Number of learned values."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_accumulates(network: nn.Module, image: torch.Tensor) -> int:
    """Multiply-accumulates of convolutions and matrix products for ``image`` (B, C, ...).

    Counted by ``torch.utils.flop_counter``, which counts a multiply-accumulate as two operations. Normalisation,
    activations, pooling and resizing are not counted, as in the paper.
    """
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.eval()(image)
    return counter.get_total_flops() // 2


def latency_ms(network: nn.Module, image: torch.Tensor, *, threads: int = THREADS, min_run_time: float = 1.0) -> float:
    """Median time in milliseconds of one inference of ``image`` (B, C, ...).

    Args:
        network: is put in evaluation mode and in channels-last memory format, on the device of ``image``.
        image: the input; its device is the one that is timed.
        threads: CPU threads.
        min_run_time: seconds to measure for, after a first run that is not counted.
    """
    network, image = in_channels_last(network, image)
    with torch.inference_mode():
        timer = Timer("network(image)", globals={"network": network, "image": image}, num_threads=threads)
        timer.timeit(1)
        return timer.blocked_autorange(min_run_time=min_run_time).median * 1e3


def peak_memory_mb(network: nn.Module, image: torch.Tensor) -> float:
    """Peak of the memory that one inference of ``image`` (B, C, ...) takes for activations, in megabytes (10^6 bytes).

    On the CPU the allocations and releases that torch's profiler records are summed up; on CUDA the allocator keeps the
    peak. Weights and the image itself are there before and are not part of it. The network is prepared as for
    :func:`latency_ms`.
    """
    network, image = in_channels_last(network, image)
    with torch.inference_mode():
        network(image)
        if image.is_cuda:
            torch.cuda.reset_peak_memory_stats(image.device)
            before = torch.cuda.memory_allocated(image.device)
            network(image)
            return (torch.cuda.max_memory_allocated(image.device) - before) / 1e6
        # The profiler's library otherwise writes its own start and stop lines to the terminal.
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recording:
            network(image)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        recording.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = [event for event in events if event["name"] == "[memory]"]
    changes.sort(key=lambda event: (event["ts"], event["args"]["Ev Idx"]))
    return max(accumulate(event["args"]["Bytes"] for event in changes), default=0) / 1e6


def in_channels_last(network: nn.Module, image: torch.Tensor) -> tuple[nn.Module, torch.Tensor]:
    """A network in evaluation mode and in the memory format that is fastest on a processor, and an image likewise."""
    memory_format = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
    network = network.eval().to(device=image.device, memory_format=memory_format)  # type: ignore[call-overload]
    return network, image.to(memory_format=memory_format)


def processor_name() -> str:
    """What the processor calls itself."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def example_image(genotype: Genotype) -> torch.Tensor:
    """The image that a genotype's network is measured with: (1, in_channels, 256, 256), or 64x64x64 for volumes."""
    return torch.rand((1, genotype.architecture.in_channels, *IMAGE_SIZE))


def network_costs(genotype: Genotype, *, threads: int = THREADS, min_run_time: float = 1.0) -> dict[str, Any]:
    """Cost of the network that a genotype describes, with untrained weights.

    Returns:
        ``params``, ``macs`` (plain numbers), ``latency_ms`` and ``peak_memory_mb`` (torch on the CPU, ``threads``
        threads, one image of :func:`example_image`).
    """
    network = LWMISN(genotype).eval()
    image = example_image(genotype)
    return {
        "params": parameter_count(network),
        "macs": multiply_accumulates(network, image),
        "latency_ms": latency_ms(network, image, threads=threads, min_run_time=min_run_time),
        "peak_memory_mb": peak_memory_mb(network, image),
    }


def network_report(genotype: Genotype, *, threads: int = THREADS) -> dict[str, Any]:
    """What :func:`network_costs` gives, and ``genotype`` as its JSON form."""
    return {**network_costs(genotype, threads=threads), "genotype": genotype.to_dict()}
