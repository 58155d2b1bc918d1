"""What reads, segments and writes without torch and MONAI; also the distribution lwmisn-run.

    from lwmisn_run import load, predict, segment

The modules import each other by relative names: in the package monai_lwmisn they are ``monai_lwmisn.light``, and
installed alone ``lwmisn_run``. The names above are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .predictor import load, predict
    from .run import segment

__version__ = "0.2.0"
__all__ = ["__version__", "load", "predict", "segment"]

_PLACES = {"load": "predictor", "predict": "predictor", "segment": "run"}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f".{_PLACES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
