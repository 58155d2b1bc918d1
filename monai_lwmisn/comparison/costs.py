"""What the networks of a comparison cost, measured one after the other in one process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_lwmisn.bundle.export import export_onnx
from monai_lwmisn.inference.runtimes import HAS_ONNXRUNTIME, ONNXRuntimeNetwork
from monai_lwmisn.networks.complexity import (
    IMAGE_SIZE,
    THREADS,
    latency_ms,
    multiply_accumulates,
    parameter_count,
    processor_name,
)


def measure(network: nn.Module, in_channels: int) -> dict[str, Any]:
    """Costs of a 2D network for one image (1, in_channels, 256, 256).

    Returns:
        ``params``, ``macs``, ``latency_ms`` (torch, channels last), ``latency_onnx_ms`` (ONNX Runtime; None where it is
        not installed or cannot express the network) and ``processor``.
    """
    image = torch.rand(1, in_channels, *IMAGE_SIZE[2])
    return {
        "params": parameter_count(network),
        "macs": multiply_accumulates(network, image),
        "latency_ms": latency_ms(network, image),
        "latency_onnx_ms": _onnx_latency(network, image),
        "processor": processor_name(),
    }


def _onnx_latency(network: nn.Module, image: torch.Tensor) -> float | None:
    if not HAS_ONNXRUNTIME:
        return None
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            export_onnx(network.to(memory_format=torch.contiguous_format), image.shape[1], path)  # type: ignore[call-overload]
            return latency_ms(ONNXRuntimeNetwork(path, "cpu"), image)
    except Exception:  # the exporter's own, of many classes
        return None
    finally:
        torch.set_num_threads(threads)
