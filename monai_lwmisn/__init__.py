"""Search, train, package and run light-weight segmentation networks for medical images, with MONAI.

The method follows Zhang, Zhong and Mao, "Neural Architecture Search for Light-weight Medical Image Segmentation
Network", Computer Science 49(10), 2022, 183-190.

    from monai_lwmisn import Genotype, LWMISN, evaluate, load_bundle, predict, search, segment, train

The names are imported when they are first used, so that ``import monai_lwmisn`` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from monai_lwmisn.light import __version__

if TYPE_CHECKING:
    from monai_lwmisn.inference.predict import load_bundle, predict
    from monai_lwmisn.inference.segment import segment
    from monai_lwmisn.networks import LWMISN, Genotype
    from monai_lwmisn.run import evaluate, search, train

__all__ = ["__version__", "LWMISN", "Genotype", "evaluate", "load_bundle", "predict", "search", "segment", "train"]

_PLACES = {
    "LWMISN": "networks.lwmisn",
    "Genotype": "networks.genotype",
    "evaluate": "run",
    "load_bundle": "inference.predict",
    "predict": "inference.predict",
    "search": "run",
    "segment": "inference.segment",
    "train": "run",
}
_BEYOND_INFERENCE = ("data", "engines", "nas", "run", "training")
"""The parts that a standalone bundle does not carry."""


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name, name)
    if place in _BEYOND_INFERENCE and find_spec(f"{__name__}.{place}") is None:
        from monai_lwmisn.errors import ConfigError

        raise ConfigError(
            "Searching, training and evaluating need the package monai-lwmisn, of which this bundle carries only the "
            "inference: install the package from its repository."
        )
    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{place}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
