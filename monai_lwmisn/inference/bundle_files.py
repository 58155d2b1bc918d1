"""Reads the inference configuration of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.bundle_contents import check_contents

REMEDY = "write the bundle anew"
"""For a file of a bundle that cannot be read."""

__all__ = ["REMEDY", "read_bundle"]


def read_bundle(root: Path, name: object) -> dict[str, Any]:
    """The inference configuration in a bundle's folder.

    Args:
        root: see :func:`~monai_lwmisn.light.bundle_files.open_bundle`.
        name: of the bundle, for messages.

    Raises:
        ConfigError: it cannot be read, is of an earlier release or another program, or would run something else than
            a segmentation.
    """
    config = read_json(root / "configs" / "inference.json", REMEDY)
    if "volumetric" in config:
        raise ConfigError(f"{name} is a bundle of an earlier release: convert it with `lwmisn convert {name} NEW`.")
    missing = [key for key in ("data", "inference", "preprocessing", "evaluator", "load") if key not in config]
    if missing:
        raise ConfigError(
            f"{name} is no bundle that lwmisn wrote, its configs/inference.json lacks {', '.join(missing)}: "
            "use `python -m monai.bundle run` for it."
        )
    check_contents(config, f"{name}, configs/inference.json,")
    return config
