"""Finds what there is to segment under some paths, and gives the masks of each input a name of their own."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.pictures import PICTURE_SUFFIXES
from monai_lwmisn.inference.volumes import VOLUME_SUFFIXES

_PREAMBLE = 128

__all__ = ["Inputs", "find_inputs", "is_dicom", "output_name", "output_names"]


def find_inputs(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], volumetric: bool) -> list[dict]:
    """The inputs under files and folders, as a datalist of {"image": path}.

    Args:
        paths: files, which are taken as they are, and folders, which are searched.
        volumetric: search for volumes (NIfTI, NRRD, MetaImage, folders with a DICOM series), otherwise for pictures.

    Raises:
        DataError: a path does not exist, or a folder holds nothing to segment.
    """
    found: list[Path] = []
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        place = Path(path)
        if not place.exists():
            raise DataError(f"{place} does not exist: give a file, or a folder with files.")
        inside = [place] if place.is_file() else _inputs_in(place, volumetric)
        if not inside:
            kinds = "NIfTI, NRRD, MetaImage or DICOM files" if volumetric else "PNG, TIFF, JPEG or BMP files"
            raise DataError(f"The folder {place} holds nothing to segment: give one with {kinds}.")
        found += inside
    return [{"image": str(path)} for path in found]


class Inputs(Sequence):
    """The datalist of :func:`find_inputs`, searched for when it is first used.

    A server builds all of a bundle's configuration and brings images of its own: it needs no folder.

    Args:
        paths: see :func:`find_inputs`.
        volumetric: see :func:`find_inputs`.
    """

    def __init__(self, paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], volumetric: bool) -> None:
        self.paths, self.volumetric = paths, volumetric

    @cached_property
    def _found(self) -> list[dict]:
        return find_inputs(self.paths, self.volumetric)

    def __getitem__(self, index: Any) -> Any:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)


def _inputs_in(folder: Path, volumetric: bool) -> list[Path]:
    inputs: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = [Path(parent, name) for name in sorted(names) if not name.startswith(".")]
        suffixes = VOLUME_SUFFIXES if volumetric else PICTURE_SUFFIXES
        inputs += [file for file in files if file.name.lower().endswith(suffixes)]
        if volumetric and any(is_dicom(file) for file in files):
            inputs.append(Path(parent))
    return inputs


def is_dicom(file: Path) -> bool:
    """Return whether the content of a file is marked as DICOM (part 10, section 7.1)."""
    if file.name.lower().endswith(VOLUME_SUFFIXES):
        return False
    with file.open("rb") as stream:
        stream.seek(_PREAMBLE)
        return stream.read(4) == b"DICM"


def output_name(image: str | os.PathLike[str]) -> str:
    """The name of an input without its folder and endings: ``case_01`` of ``data/case_01.nii.gz``.

    A folder keeps its whole name: it is often a DICOM UID, whose last number is no ending.
    """
    name = Path(image).name
    if Path(image).is_dir():
        return name
    for suffix in (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)].removesuffix(".nii")
    return Path(name).stem


def output_names(images: Iterable[str | os.PathLike[str]]) -> dict[str, str]:
    """A different name for each input, by path.

    Inputs that share their :func:`output_name` get the names of their folders in front, as many as it takes:
    ``a_case`` and ``b_case`` for ``a/case.nii`` and ``b/case.nii``.

    Raises:
        DataError: two inputs of one folder differ in their ending only.
    """
    names = {str(image): output_name(image) for image in images}
    folders = {image: list(Path(image).absolute().parent.parts) for image in names}
    while len(set(names.values())) < len(names):
        counts = Counter(names.values())
        for image, name in list(names.items()):
            if counts[name] == 1:
                continue
            if not folders[image]:
                first, second, *_ = (other for other in names if names[other] == name)
                raise DataError(f"The masks of {first} and {second} would have one name: rename one of them.")
            names[image] = f"{folders[image].pop().strip(os.sep)}_{name}"
    return names
