"""The engines that execute ONNX files: ONNX Runtime and OpenVINO. One of them is needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from .errors import ConfigError, reason_of
from .libraries import check_installed

__all__ = [
    "ENGINES",
    "ONNXRuntimeEngine",
    "OpenVINOEngine",
    "available_processors",
    "onnxruntime_session",
    "openvino_model",
]


NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""The variable that keeps ONNX Runtime from reporting to its maker, which release 1.32 does by default.

It must be set before the import. Windows has a switch of its own for that, which is a function.
"""


def available_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def onnxruntime_session(model: str | os.PathLike[str] | bytes, device: str = "cpu", threads: int | None = None) -> Any:
    """An ``onnxruntime.InferenceSession``.

    Args:
        model: an ONNX file, or its content.
        device: ``cpu``, ``cuda``, or ``auto`` for a GPU that the installed ONNX Runtime can use.
        threads: of the session; None for :func:`available_processors`.

    Raises:
        ConfigError: ONNX Runtime is not installed, cannot use the device or cannot read the model.
    """
    check_installed("onnxruntime", "The runtime onnxruntime")
    os.environ[NO_TELEMETRY] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not cuda:
        raise ConfigError("The installed ONNX Runtime finds no CUDA GPU: use the device cpu, or onnxruntime-gpu.")
    providers = ["CPUExecutionProvider"]
    if cuda and device != "cpu":
        providers.insert(0, "CUDAExecutionProvider")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_processors()
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads sleep
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=providers)
    except Exception as error:  # its exceptions have no common base
        raise _unreadable(model, error) from error


def openvino_model(path: str | os.PathLike[str], device: str = "auto", threads: int | None = None) -> Any:
    """A model compiled by OpenVINO for the CPU.

    Args:
        path: an ONNX file.
        device: ``cpu`` or ``auto``.
        threads: of the model; None for :func:`available_processors`.

    Raises:
        ConfigError: OpenVINO is not installed, is asked for another device or cannot read the file.
    """
    check_installed("openvino", "The runtime openvino")
    if device not in ("auto", "cpu"):
        raise ConfigError(f"OpenVINO runs on the CPU here, not on {device}: use the device cpu.")
    openvino = _silent_openvino()
    # Some processors would otherwise compute in bfloat16.
    settings = {"INFERENCE_NUM_THREADS": threads or available_processors(), "INFERENCE_PRECISION_HINT": "f32"}
    try:
        return openvino.Core().compile_model(str(path), "CPU", settings)
    except Exception as error:
        raise _unreadable(path, error) from error


def _silent_openvino() -> Any:
    """Import OpenVINO so that it does not report its use to its maker, which it does through another library."""
    reporter = "openvino_telemetry"
    known = sys.modules.get(reporter)
    sys.modules[reporter] = None  # type: ignore[assignment]  # OpenVINO has a stand-in for a library that is missing
    try:
        return import_module("openvino")
    finally:
        del sys.modules[reporter]
        if known is not None:
            sys.modules[reporter] = known


class ONNXRuntimeEngine:
    """An ONNX file executed by ONNX Runtime, see :func:`onnxruntime_session`.

    Args:
        path: the file.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: see :func:`onnxruntime_session`.

    Attributes:
        takes_parts: inputs that have a default can be given, as the statistics of a picture for its parts.
    """

    takes_parts: ClassVar[bool] = True

    def __init__(self, path: str | os.PathLike[str], device: str = "auto", threads: int | None = None) -> None:
        self.session = onnxruntime_session(path, device, threads)

    def __call__(self, outputs: Sequence[str], inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return some outputs for some inputs."""
        return self.session.run(list(outputs), dict(inputs))


class OpenVINOEngine:
    """An ONNX file executed by OpenVINO, see :func:`openvino_model`.

    Args:
        path: the file.
        device: ``cpu`` or ``auto``.
        threads: see :func:`openvino_model`.

    Attributes:
        takes_parts: see :class:`ONNXRuntimeEngine`.
    """

    takes_parts: ClassVar[bool] = False

    def __init__(self, path: str | os.PathLike[str], device: str = "auto", threads: int | None = None) -> None:
        self.request = openvino_model(path, device, threads).create_infer_request()

    def __call__(self, outputs: Sequence[str], inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return some outputs for some inputs."""
        results = self.request.infer({name: np.ascontiguousarray(value) for name, value in inputs.items()})
        # The request writes its next results to the same memory.
        return [results[name].copy() for name in outputs]


ENGINES: dict[str, type[ONNXRuntimeEngine] | type[OpenVINOEngine]] = {
    "onnxruntime": ONNXRuntimeEngine,
    "openvino": OpenVINOEngine,
}
"""The engines by the name that a user gives."""


def _unreadable(model: str | os.PathLike[str] | bytes, error: Exception) -> ConfigError:
    name = "The model" if isinstance(model, bytes) else str(model)
    return ConfigError(f"{name} cannot be read as an ONNX network ({reason_of(error)}): write the bundle anew.")
