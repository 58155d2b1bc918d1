"""The libraries that may be missing, and the sentence that says so. Needs the standard library alone.

The distribution lwmisn-run and monai-lwmisn have extras of different names, and install different ones with themselves.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from .errors import ConfigError, LWMISNError

IS_ALONE = (__package__ or "").startswith("lwmisn_run")
"""Whether this is the distribution lwmisn-run, otherwise the room of monai-lwmisn."""


class Library(NamedTuple):
    """A library and where it comes from.

    Args:
        package: what pip installs.
        extra: of lwmisn-run; empty where that always has it.
        extra_of_all: of monai-lwmisn, likewise.
    """

    package: str
    extra: str = ""
    extra_of_all: str = ""


LIBRARIES = {
    "gdcm": Library("python-gdcm", "compressed"),
    "highdicom": Library("highdicom", "dicom-seg", "dicom"),
    "imagecodecs": Library("imagecodecs", "compressed"),
    "itk": Library("itk-io", "nrrd"),
    "onnxruntime": Library("onnxruntime", "", "runtime"),
    "openvino": Library("openvino", "openvino", "runtime"),
    "pydicom": Library("pydicom"),
    "skimage": Library("scikit-image", "objects"),
    "tifffile": Library("tifffile"),
    "zarr": Library("zarr", "large", "large"),
}
"""The libraries by the name that Python imports."""

__all__ = ["LIBRARIES", "check_installed", "is_installed", "library", "missing"]


def is_installed(name: str) -> bool:
    """Return whether a library can be imported."""
    return find_spec(name) is not None


def missing(name: str, subject: str) -> str:
    """Return one sentence: what needs a library, its package, and the extra that installs it.

    Args:
        name: of the library, one of :data:`LIBRARIES`.
        subject: what needs it, as the beginning of the sentence.
    """
    package, extra, extra_of_all = LIBRARIES[name]
    extra = extra if IS_ALONE else extra_of_all
    return f"{subject} needs {package}: pip install {package}{f' (the extra {extra})' if extra else ''}."


def check_installed(name: str, subject: str) -> None:
    """Check before the work that a library is there.

    Raises:
        ConfigError: it is missing; see :func:`missing`.
    """
    if not is_installed(name):
        raise ConfigError(missing(name, subject))


def library(name: str, subject: str, kind: type[LWMISNError] = ConfigError) -> Any:
    """Import a library.

    Args:
        name: see :func:`missing`.
        subject: see :func:`missing`.
        kind: of the error.

    Raises:
        LWMISNError: it is missing.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise kind(missing(name, subject)) from error
