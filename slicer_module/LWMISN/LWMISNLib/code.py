"""Finds the code that runs a bundle."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

NAME = "monai_lwmisn"
"""The package. Its part ``light`` runs a bundle by the light runtime, ``inference`` and ``networks`` with PyTorch."""

_MODULE = Path(__file__).parents[1]

PLACES = (_MODULE, _MODULE.parents[1])
"""Where the code may be besides in the bundle: the installed extension, and the source tree."""


def code_folder(bundle: Path, runtime: str) -> Path | None:
    """The folder to put on Python's path for a bundle.

    Args:
        bundle: its folder.
        runtime: see :func:`.bundles.runtime_of`.

    Returns:
        The extension or the source tree; with PyTorch, before these, the bundle if it is standalone and carries the
        code. None where none of them has the code: then Python must have the package installed.
    """
    places = (bundle, *PLACES) if runtime == "torch" else PLACES
    return next((place for place in places if (place / NAME / "inference").is_dir()), None)


def code_environment(bundle: Path, runtime: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a process that runs a bundle, with the :func:`code_folder` on Python's path."""
    folders = [code_folder(bundle, runtime), environment.get("PYTHONPATH")]
    path = os.pathsep.join(str(folder) for folder in folders if folder)
    return {**environment, "PYTHONPATH": path} if path else dict(environment)


def make_importable() -> None:
    """Let this process import the package, of which the module itself uses what needs the standard library alone."""
    folder = code_folder(_MODULE, "light")
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))
