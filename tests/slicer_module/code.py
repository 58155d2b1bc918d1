"""Makes a bundle standalone, in the environment that has no torch."""

import shutil
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "monai_lwmisn"


def carry_code(bundle: Path) -> None:
    """Put the part of the package into a bundle that runs it."""
    for name in ("light", "networks", "inference"):
        shutil.copytree(PACKAGE / name, bundle / PACKAGE.name / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__", "errors", "files"):
        shutil.copy(PACKAGE / f"{name}.py", bundle / PACKAGE.name)
