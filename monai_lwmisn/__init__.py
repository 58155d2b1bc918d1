"""Searches for light-weight networks that segment medical images, and trains and measures them, with MONAI.

The method is that of Zhang, Zhong and Mao, "Neural Architecture Search for Light-weight Medical Image Segmentation
Network", Computer Science 49(10), 2022, 183-190.

Example:
    >>> from monai_lwmisn import predict
    >>> mask = predict("bundles/nuclei_microscopy_lwmisn", "cells.png")     # (height, width), uint8
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_lwmisn.inference.predict import load_bundle, predict
    from monai_lwmisn.networks import LWMISN, Genotype
    from monai_lwmisn.run import evaluate, search, train

__version__ = "0.1.0"

__all__ = ["LWMISN", "Genotype", "evaluate", "load_bundle", "predict", "search", "train"]

_MODULES = {
    "LWMISN": "networks",
    "Genotype": "networks",
    "evaluate": "run",
    "load_bundle": "inference.predict",
    "predict": "inference.predict",
    "search": "run",
    "train": "run",
}
"""The module of each public name. It is imported when the name is first used, since torch takes seconds."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
