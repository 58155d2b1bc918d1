"""The packages of the worker: which are missing, and their installation after the user has agreed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from LWMISNLib.errors import SegmentationError

REQUIREMENTS = Path(__file__).parents[1] / "Resources" / "requirements.txt"

PROTECTED = ("numpy", "vtk", "itk", "SimpleITK")
"""Parts of Slicer: another version of them breaks it, so they stay as they are."""

_TORCH_MEGABYTES = 200.0
"""Size of the build of torch for processors; the build for CUDA takes 2 to 3 GB."""


@dataclass(frozen=True)
class Package:
    """A package as it is required.

    Args:
        name: in the package index.
        version: the least one; this one is installed.
        megabytes: of its wheel.
    """

    name: str
    version: str
    megabytes: float


TORCH = Package("torch", "2.6", _TORCH_MEGABYTES)


def required() -> list[Package]:
    """Torch, and what requirements.txt says."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    matches = (re.fullmatch(r"([\w-]+)==([\w.]+)\s+# ([\d.]+)", line) for line in lines if not line.startswith("#"))
    return [TORCH, *(Package(match[1], match[2], float(match[3])) for match in matches if match)]


def missing() -> list[Package]:
    """Return the packages that are missing or older than required."""
    return [package for package in required() if not _is_installed(package)]


def question(packages: Sequence[Package]) -> str:
    """Return the question that the user is asked before anything is installed."""
    lines = [f"  {package.name} {package.version} ({package.megabytes:g} MB)" for package in packages]
    total = sum(package.megabytes for package in packages)
    cuda = " With a graphics card, torch may take 2 to 3 GB." if TORCH in packages else ""
    return (
        "Segmentation needs these Python packages, which will be downloaded and installed into Slicer's Python:\n\n"
        + "\n".join(lines)
        + f"\n\nTogether about {total:.0f} MB.{cuda} Nothing else is changed. Install them?"
    )


def install(
    packages: Sequence[Package], pip: Callable[[list[str]], None], install_torch: Callable[[], None] | None = None
) -> None:
    """Install packages without changing those that Slicer needs itself.

    Args:
        packages: see :func:`missing`.
        pip: runs ``pip install`` with arguments.
        install_torch: installs torch as the PyTorch extension does, which picks the build for the graphics card; None
            where that extension is not there.

    Raises:
        SegmentationError: it failed; the message says what to do without internet.
    """
    others = [f"{package.name}=={package.version}" for package in packages if package is not TORCH]
    try:
        if TORCH in packages:
            if install_torch is not None:
                install_torch()
            else:
                _install_torch(pip)
        if others:
            pip(["--no-deps", *others])
    except Exception as error:  # whatever pip, or the extension, raises
        raise SegmentationError(
            f"The packages could not be installed ({error}): check the connection. {offline_help()}"
        ) from error


def offline_help() -> str:
    """Return the instructions for an installation without internet."""
    wheels = " ".join(f"{package.name}=={package.version}" for package in required() if package is not TORCH)
    return (
        "Without internet, fetch the wheels on another machine with the same system and Python version, "
        f"pip download --no-deps {wheels}; pip download 'torch>={TORCH.version}'; and install them here with "
        "PythonSlicer -m pip install --no-index --no-deps FILES."
    )


def _install_torch(pip: Callable[[list[str]], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        pins = [f"{name}=={found}" for name in PROTECTED if (found := _installed(name))]
        constraints.write_text("\n".join(pins) + "\n", encoding="utf-8")
        pip([f"torch>={TORCH.version}", "--constraint", str(constraints)])


def _is_installed(package: Package) -> bool:
    found = _installed(package.name)
    return found is not None and _numbers(found) >= _numbers(package.version)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3]]
