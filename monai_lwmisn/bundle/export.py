"""A network with its weights in the forms that other runtimes read: TorchScript and ONNX."""

from __future__ import annotations

import io
import logging
import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn
from torch.export import Dim

IMAGE, LOGITS = "image", "logits"
"""Names of the input and the output of an ONNX file."""

TRACED_SIZE = (64, 96)
"""Height and width of the example; any but equal and tiny ones would do."""


def export_torchscript(network: nn.Module, path: Path) -> None:
    """Write a network (B, C, H, W) to logits as TorchScript, without a word of the machine it is written on."""
    saved = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates TorchScript, and MONAI Bundles have it
        torch.jit.save(torch.jit.script(network.eval()), saved)
    _copy_without_sources(saved, path)


def export_onnx(network: nn.Module, in_channels: int, path: Path) -> None:
    """Write a 2D network as ONNX with free batch, height and width; input ``image``, output ``logits``.

    There is no word in it of the machine it is written on. Needs onnx and onnxscript, which brings onnx_ir.
    """
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    free = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            (torch.rand(2, in_channels, *TRACED_SIZE),),
            input_names=[IMAGE],
            output_names=[LOGITS],
            dynamic_shapes=(free,),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # that comes of the older exporter only
    ClearMetadataAndDocStringPass()(program.model)  # every node has its stack trace, with the paths of the sources
    program.save(str(path), external_data=False)


def _copy_without_sources(saved: io.BytesIO, path: Path) -> None:
    """Copy a TorchScript archive but for the records of which line of which source file its code comes from.

    Torch needs them for its error messages only.
    """
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(path, "w") as copy:
        for member in archive.infolist():
            if not member.filename.endswith(".debug_pkl"):
                copy.writestr(member, archive.read(member))
