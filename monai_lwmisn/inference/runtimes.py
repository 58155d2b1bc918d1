"""Runtimes that execute the network of a bundle: torch, ONNX Runtime, OpenVINO. Each is called like the network."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.light.engines import onnxruntime_session, openvino_model
from monai_lwmisn.light.libraries import is_installed
from monai_lwmisn.networks.folding import fold_batch_norm

__all__ = [
    "RUNTIMES",
    "ONNXRuntimeNetwork",
    "OpenVINONetwork",
    "find_device",
    "onnxruntime_session",
    "openvino_model",
    "place_network",
]


def find_device(name: str, runtime: str = "torch") -> torch.device:
    """The torch device of this process.

    Args:
        name: ``"auto"`` (a CUDA GPU where there is one, otherwise the CPU), ``"cpu"``, ``"cuda"`` or another of torch.
            Under torchrun ``"cuda"`` is the GPU of the local rank.
        runtime: what executes the network. Others than torch take their images from the CPU.

    Raises:
        ConfigError: for a name that is none, or a GPU that is not there.
    """
    if runtime != "torch":
        return torch.device("cpu")
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


def place_network(
    network: nn.Module,
    torch_device: torch.device,
    runtime: str = "torch",
    onnx_file: str | os.PathLike[str] = "",
    device: str = "auto",
    in_channels: int = 1,
) -> nn.Module:
    """Return the network as a runtime executes it, with its batch normalisation folded.

    What is returned is a copy, which has the weights of now. Weights that are loaded into ``network`` afterwards would
    change no mask, so that they are refused.

    Args:
        network: the network with its weights. It may have any where ``onnx_file`` is there, which has them then.
        torch_device: where torch computes.
        runtime: ``torch``, ``onnxruntime`` or ``openvino``.
        onnx_file: the network for the other runtimes. Where there is none, it is exported, which takes some seconds.
        device: the name of the device that was asked for, see :func:`find_device`.
        in_channels: channels of an image.

    Raises:
        ConfigError: there is no such runtime, or it is not installed.
    """
    if runtime == "torch":
        network.register_load_state_dict_pre_hook(_refuse_weights)
        return fold_batch_norm(network).to(torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if runtime not in RUNTIMES:
        raise ConfigError(f"There is no runtime {runtime!r}: use torch, {', '.join(RUNTIMES)}.")
    if os.path.isfile(onnx_file) or not is_installed(runtime):
        return RUNTIMES[runtime](onnx_file, device)
    from monai_lwmisn.networks.export import export_onnx  # it imports torch.export, which takes a while

    with tempfile.TemporaryDirectory(prefix="lwmisn-", ignore_cleanup_errors=True) as folder:
        exported = Path(folder) / "model.onnx"
        export_onnx(network, in_channels, exported)
        return RUNTIMES[runtime](exported, device)


class ONNXRuntimeNetwork(nn.Module):
    """An ONNX file executed by ONNX Runtime, see :func:`.onnxruntime_session`. It has as many threads as torch.

    Args:
        path: the file; it maps ``image`` (B, C, H, W) to ``logits`` (B, classes, H, W), for any B, H and W.
        device: ``cpu``, ``cuda`` or ``auto``.
    """

    def __init__(self, path: str | os.PathLike[str], device: str = "auto") -> None:
        super().__init__()
        self.session = onnxruntime_session(path, device, torch.get_num_threads())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of a batch, on the device of the batch."""
        (logits,) = self.session.run(["logits"], {"image": image.cpu().contiguous().numpy()})
        return torch.from_numpy(logits).to(image.device)


class OpenVINONetwork(nn.Module):
    """An ONNX file executed by OpenVINO, see :func:`.openvino_model`. It has as many threads as torch.

    Args:
        path: see :class:`ONNXRuntimeNetwork`.
        device: ``cpu`` or ``auto``.
    """

    def __init__(self, path: str | os.PathLike[str], device: str = "auto") -> None:
        super().__init__()
        self.request = openvino_model(path, device, torch.get_num_threads()).create_infer_request()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of a batch, on the device of the batch."""
        results = self.request.infer({"image": image.cpu().contiguous().numpy()})
        # The request writes its next results to the same memory.
        return torch.from_numpy(results["logits"].copy()).to(image.device)


RUNTIMES: dict[str, type[ONNXRuntimeNetwork] | type[OpenVINONetwork]] = {
    "onnxruntime": ONNXRuntimeNetwork,
    "openvino": OpenVINONetwork,
}
"""The runtimes besides torch, by the name that a user gives."""


def _refuse_weights(*_: Any) -> None:
    raise ConfigError("This network is in use already, with the weights that it had: load weights before it is placed.")
