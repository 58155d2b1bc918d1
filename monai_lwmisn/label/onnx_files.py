"""Keeps an ONNX file beside each file of weights that the light runtime serves."""

from __future__ import annotations

import os
from pathlib import Path

from monai_lwmisn.bundle.full_onnx import write_full_onnx

TORCH = "torch"
"""The runtime that needs no ONNX file."""


def onnx_file(weights: Path) -> Path:
    """Return the ONNX file of some weights of a bundle. It is written where there is none of just these weights.

    The file has the time of the weights that it was made of, so that it is made anew when they have changed.

    Args:
        weights: a file in the folder ``models`` of a bundle.

    Raises:
        LWMISNError: see :func:`monai_lwmisn.bundle.full_onnx.write_full_onnx`.
    """
    file, changed = path_of(weights), os.stat(weights).st_mtime_ns  # before they are read
    if not file.is_file() or os.stat(file).st_mtime_ns != changed:
        write_full_onnx(weights.parent.parent, file, weights)
        os.utime(file, ns=(changed, changed))
    return file


def path_of(weights: Path) -> Path:
    """Return where the ONNX file of some weights lies."""
    return weights.with_name(f"{weights.stem}_full.onnx")
