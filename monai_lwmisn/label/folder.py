"""Prepares the folder that the server loads: the app, and copies of the bundles, which a training changes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from monai_lwmisn.config import read_config
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.bundle_files import read_bundle
from monai_lwmisn.label.onnx_files import TORCH, onnx_file
from monai_lwmisn.networks.weights import load_checkpoint, save_atomically

PUBLISHED = "published.pt"
"""The file of the weights that a bundle came with, beside those that are served."""

_CODE = ("__pycache__", "*.py", "*.pyc", "*.pyd", "*.so", "*.dll", "*.pth")
"""What is not copied: the server runs the installed package, and imports from a bundle's folder too."""

_MAIN = '''"""The app for MONAI Label, written by `lwmisn label serve`."""

from monai_lwmisn.label.app import LWMISNApp  # noqa: F401
'''


def prepare(folder: Path, bundles: Iterable[str | os.PathLike[str]], runtime: str = TORCH) -> list[str]:
    """Write the app's folder. Bundles that it has already stay as they are, with the weights they were trained to.

    Args:
        folder: the folder to make.
        bundles: folders of bundles.
        runtime: what executes the networks for masks. The ONNX files that it needs are written.

    Returns:
        The names of all bundles in the folder.

    Raises:
        ConfigError: one of them is no bundle, or there is none at all.
        LWMISNError: see :func:`.onnx_files.onnx_file`.
    """
    for bundle in map(Path, bundles):
        if not bundle.is_dir():
            raise ConfigError(f"{bundle} is no folder: give that of a bundle.")
        for name in ("configs/inference.json", "configs/metadata.json", "configs/train.json", "models/model.pt"):
            if not (bundle / name).is_file():
                raise ConfigError(f"{bundle} is no bundle, it has no {name}: give a folder that `lwmisn bundle` wrote.")
        read_config(bundle, "train")  # refuses the form of an earlier release, and code
        read_bundle(bundle, bundle)
    models = folder / "model"
    models.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(_MAIN, encoding="utf-8")
    for bundle in map(Path, bundles):
        copy = models / bundle.resolve().name
        if not copy.exists():
            partial = models / f".{copy.name}"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(bundle, partial, ignore=shutil.ignore_patterns(*_CODE))
            shutil.copyfile(partial / "models" / "model.pt", partial / "models" / PUBLISHED)
            partial.rename(copy)
    names = sorted(path.name for path in models.iterdir() if not path.name.startswith("."))
    if not names:
        raise ConfigError(f"{folder} has no bundle yet: name some with --bundle.")
    if runtime != TORCH:
        for name in names:
            onnx_file(models / name / "models" / "model.pt")
    return names


def restore(folder: Path, name: str) -> None:
    """Serve the weights again that a bundle came with.

    Args:
        folder: the folder of the app.
        name: the bundle.

    Raises:
        ConfigError: the folder has no such bundle.
    """
    models = folder / "model" / name / "models"
    if not (models / PUBLISHED).is_file():
        raise ConfigError(f"{folder} has no bundle {name} with published weights: name one that was served from it.")
    save_atomically(load_checkpoint(models / PUBLISHED), models / "model.pt")
