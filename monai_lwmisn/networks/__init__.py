"""Networks: operations, cells, shapes, the genotype, the supernet and the derived network.

The names below are imported when they are first used, so that a genotype can be read without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_lwmisn.networks.architecture import Architecture
    from monai_lwmisn.networks.genotype import SEARCH_SPACES, Edge, Genotype
    from monai_lwmisn.networks.lwmisn import LWMISN
    from monai_lwmisn.networks.operations import OPERATIONS
    from monai_lwmisn.networks.supernet import Supernet

__all__ = ["LWMISN", "OPERATIONS", "SEARCH_SPACES", "Architecture", "Edge", "Genotype", "Supernet"]

_MODULES = {
    "LWMISN": "lwmisn",
    "OPERATIONS": "operations",
    "SEARCH_SPACES": "genotype",
    "Architecture": "architecture",
    "Edge": "genotype",
    "Genotype": "genotype",
    "Supernet": "supernet",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
