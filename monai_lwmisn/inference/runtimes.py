"""The network of a bundle as other runtimes execute it; each is called like the network itself."""

from __future__ import annotations

import os

import torch
from monai.utils import optional_import
from torch import nn

from monai_lwmisn.errors import ConfigError

onnxruntime, HAS_ONNXRUNTIME = optional_import("onnxruntime")
openvino, HAS_OPENVINO = optional_import("openvino")

__all__ = ["RUNTIMES", "ONNXRuntimeNetwork", "OpenVINONetwork", "find_device"]


def find_device(name: str) -> torch.device:
    """
    The device of this process.

    Args:
        name: ``"auto"`` (a CUDA GPU where there is one, otherwise the CPU), ``"cpu"``, ``"cuda"`` or another of torch.
            Under torchrun ``"cuda"`` is the GPU of the local rank.

    Raises:
        ConfigError: for a name that is none, or a GPU that is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"There is no device {name!r}: use auto, cpu or cuda.") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("device is 'cuda', but torch finds no CUDA GPU here: set device to cpu or auto.")
        if device.index is None:
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return device


class ONNXRuntimeNetwork(nn.Module):
    """An ONNX file executed by ONNX Runtime, on as many threads as torch uses.

    Args:
        path: the file; it maps ``image`` (B, C, H, W) to ``logits`` (B, classes, H, W), for any B, H and W.
        device: ``cpu``, ``cuda``, or ``auto`` for a GPU that the installed ONNX Runtime can use.

    Raises:
        ConfigError: ONNX Runtime is not installed, cannot use the device or cannot read the file.
    """

    def __init__(self, path: str | os.PathLike[str], device: str = "auto") -> None:
        super().__init__()
        if not HAS_ONNXRUNTIME:
            raise ConfigError("ONNX Runtime is not installed: pip install onnxruntime.")
        cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        if device == "cuda" and not cuda:
            raise ConfigError("The installed ONNX Runtime finds no CUDA GPU: use the device cpu, or onnxruntime-gpu.")
        providers = ["CPUExecutionProvider"]
        if cuda and device != "cpu":
            providers.insert(0, "CUDAExecutionProvider")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads sleep
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # its exceptions have no common base
            raise _unreadable(path, error) from error

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of a batch, on the device of the batch."""
        (logits,) = self.session.run(["logits"], {"image": image.cpu().contiguous().numpy()})
        return torch.from_numpy(logits).to(image.device)


class OpenVINONetwork(nn.Module):
    """An ONNX file executed by OpenVINO on the CPU, on as many threads as torch uses.

    Args:
        path: see :class:`ONNXRuntimeNetwork`.
        device: ``cpu`` or ``auto``.

    Raises:
        ConfigError: OpenVINO is not installed, is asked for another device or cannot read the file.
    """

    def __init__(self, path: str | os.PathLike[str], device: str = "auto") -> None:
        super().__init__()
        if not HAS_OPENVINO:
            raise ConfigError("OpenVINO is not installed: pip install openvino.")
        if device not in ("auto", "cpu"):
            raise ConfigError(f"OpenVINO runs on the CPU here, not on {device}: use the device cpu.")
        # Some processors would compute in bfloat16 unless told not to.
        settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
        try:
            self.request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()
        except Exception as error:
            raise _unreadable(path, error) from error

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of a batch, on the device of the batch."""
        results = self.request.infer({"image": image.cpu().contiguous().numpy()})
        # The request writes its next results to the same memory.
        return torch.from_numpy(results["logits"].copy()).to(image.device)


RUNTIMES: dict[str, type[nn.Module]] = {"onnxruntime": ONNXRuntimeNetwork, "openvino": OpenVINONetwork}
"""By the name that a user gives; torch needs no class, it is what a bundle has already."""


def _unreadable(path: str | os.PathLike[str], error: Exception) -> ConfigError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return ConfigError(f"{path} cannot be read as an ONNX network ({reason}): write the bundle anew.")
