"""Writes a network with its weights as TorchScript or ONNX, for other runtimes. Normalisations are folded."""

from __future__ import annotations

import io
import logging
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim

from monai_lwmisn.networks.folding import fold_batch_norm

IMAGE, LOGITS = "image", "logits"
"""Names of the input and the output of an ONNX file."""

TRACED_SIZE = (64, 96)
"""Height and width of the traced example. They differ, so that the exporter keeps the axes apart."""


def export_torchscript(network: nn.Module, path: Path) -> None:
    """Write a network from images (B, C, H, W) to logits as TorchScript. The file names no path of this machine."""
    saved = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates TorchScript, and MONAI Bundles have it
        torch.jit.save(torch.jit.script(fold_batch_norm(network)), saved)
    _copy_without_sources(saved, path)


def export_onnx(network: nn.Module, in_channels: int, path: Path, spatial_dims: int = 2) -> None:
    """Write a network as ONNX with any batch size, height and width; the input is ``image``, the output ``logits``.

    The file names no path of this machine. The exporter needs onnx and onnxscript, which brings onnx_ir.

    Args:
        network: maps images (B, in_channels, H, W) to logits.
        in_channels: channels of an image.
        path: the file.
        spatial_dims: 3 for a network that takes volumes (B, in_channels, D, H, W) with any number of slices.
    """
    onnx_program(network, in_channels, spatial_dims).save(str(path), external_data=False)


def onnx_program(network: nn.Module, in_channels: int, spatial_dims: int = 2) -> Any:
    """Return what :func:`export_onnx` writes, as torch's ``ONNXProgram``.

    Args:
        network: see :func:`export_onnx`.
        in_channels: see :func:`export_onnx`.
        spatial_dims: see :func:`export_onnx`.
    """
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    size = (5, *TRACED_SIZE)[-spatial_dims:]
    free = dict.fromkeys((0, *range(2, 2 + spatial_dims)), Dim.DYNAMIC)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            fold_batch_norm(network),
            (torch.zeros(2, in_channels, *size),),
            input_names=[IMAGE],
            output_names=[LOGITS],
            dynamic_shapes=(free,),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # only torch's former exporter returns None
    ClearMetadataAndDocStringPass()(program.model)  # a node holds a stack trace with paths
    return program


def _copy_without_sources(saved: io.BytesIO, path: Path) -> None:
    """Copy a TorchScript archive without the source lines of its code, which torch needs for error messages only."""
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(path, "w") as copy:
        for member in archive.infolist():
            if not member.filename.endswith(".debug_pkl"):
                copy.writestr(member, archive.read(member))
