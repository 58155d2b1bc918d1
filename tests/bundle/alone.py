"""An environment with MONAI alone: what is installed here, less all that bundles may not need."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ALLOWED = ("monai", "torch", "pytorch-ignite", "fire", "jsonschema", "nibabel", "itk", "scikit-image")


def link_packages(folder: Path) -> None:
    """Fill a folder with links to the allowed distributions and to what they require."""
    waiting, seen = list(ALLOWED), set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # of another system, or not needed here
        for file in found.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(found.locate_file(top))))
        for text in found.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def run_alone(packages: Path, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python with the linked packages and nothing else of what is installed."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-S", "-W", "ignore", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
