"""A network with its weights in the forms that other runtimes read: TorchScript and ONNX."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.export import Dim

IMAGE, LOGITS = "image", "logits"
"""Names of the input and the output of an ONNX file."""

TRACED_SIZE = (64, 96)
"""Height and width of the example; any but equal and tiny ones would do."""


def export_torchscript(network: nn.Module, path: Path) -> None:
    """Write a network (B, C, H, W) to logits as TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates TorchScript, and MONAI Bundles have it
        torch.jit.save(torch.jit.script(network.eval()), str(path))


def export_onnx(network: nn.Module, in_channels: int, path: Path) -> None:
    """Write a 2D network as ONNX with free batch, height and width; input ``image``, output ``logits``.

    Needs onnx and onnxscript.
    """
    free = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (torch.rand(2, in_channels, *TRACED_SIZE),),
            str(path),
            input_names=[IMAGE],
            output_names=[LOGITS],
            dynamic_shapes=(free,),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
