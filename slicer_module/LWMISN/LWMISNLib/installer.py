"""The packages of the worker: which are missing, and their installation after the user has agreed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from LWMISNLib.errors import SegmentationError

REQUIREMENTS = Path(__file__).parents[1] / "Resources" / "Requirements"

PROTECTED = ("numpy", "vtk", "itk", "SimpleITK")
"""Parts of Slicer: another version of them breaks it, so they stay as they are."""


@dataclass(frozen=True)
class Package:
    """A package as it is required.

    Args:
        name: in the package index.
        least: the oldest that does; an older one is replaced by ``version``.
        version: the one that is installed where there is none.
        megabytes: of its wheel.
        installed_megabytes: on the disk.
    """

    name: str
    least: str
    version: str
    megabytes: float
    installed_megabytes: float


TORCH = Package("torch", "2.6", "2.6", 200.0, 850.0)
"""The build for processors, with what it needs. pip, or the PyTorch extension, installs a later version."""


def required(runtime: str = "light", objects: bool = False) -> list[Package]:
    """Return what a worker needs.

    Args:
        runtime: see :func:`.bundles.runtime_of`.
        objects: whether it tells objects apart.
    """
    if runtime == "torch":
        return [TORCH, *_listed("both"), *_listed("objects"), *_listed("torch")]
    return [*_listed("light"), *_listed("both"), *(_listed("objects") if objects else [])]


def missing(runtime: str = "light", objects: bool = False) -> list[Package]:
    """Return the :func:`required` packages that are missing or older than required."""
    return [package for package in required(runtime, objects) if not _is_installed(package)]


def question(packages: Sequence[Package]) -> str:
    """Return the question that the user is asked before anything is installed."""
    lines = [f"  {package.name} {package.version} ({package.megabytes:g} MB)" for package in packages]
    download = sum(package.megabytes for package in packages)
    installed = sum(package.installed_megabytes for package in packages)
    cuda = " With a graphics card, torch may take 2 to 3 GB to download." if TORCH in packages else ""
    return (
        "Segmentation needs these Python packages, which will be downloaded and installed into Slicer's Python:\n\n"
        + "\n".join(lines)
        + f"\n\nTogether about {download:.0f} MB, and {installed:.0f} MB on the disk.{cuda} Nothing else is changed. "
        "Install them?"
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
            f"The packages could not be installed ({error}): check the connection. {_offline_help(packages)}"
        ) from error


def _offline_help(packages: Sequence[Package]) -> str:
    """The instructions for an installation without internet."""
    wheels = " ".join(f"{package.name}=={package.version}" for package in packages if package is not TORCH)
    commands = [
        *([f"pip download --no-deps {wheels}"] if wheels else []),
        *([f"pip download 'torch>={TORCH.least}'"] if TORCH in packages else []),
    ]
    return (
        "Without internet, fetch the wheels on another machine with the same system and Python version, "
        f"{'; '.join(commands)}; and install them here with PythonSlicer -m pip install --no-index --no-deps FILES."
    )


def _install_torch(pip: Callable[[list[str]], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        pins = [f"{name}=={found}" for name in PROTECTED if (found := _installed(name))]
        constraints.write_text("\n".join(pins) + "\n", encoding="utf-8")
        pip([f"torch>={TORCH.least}", "--constraint", str(constraints)])


def _listed(name: str) -> list[Package]:
    """The packages of a file in :data:`REQUIREMENTS`."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    matches = (
        re.fullmatch(r"([\w-]+)>=([\w.]+),<=([\w.]+)  # ([\d.]+), ([\d.]+)", line)
        for line in lines
        if not line.startswith("#")
    )
    return [Package(*match.groups()[:3], *map(float, match.groups()[3:])) for match in matches if match]


def _is_installed(package: Package) -> bool:
    found = _installed(package.name)
    return found is not None and _numbers(found) >= _numbers(package.least)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3]]
