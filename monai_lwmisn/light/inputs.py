"""Finds what there is to segment under some paths, and gives the masks of each input a name of their own."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .channel_files import first_channels
from .dicom import looks_like_dicom, series_of_image
from .errors import DataError, InputWarning
from .folders import FolderTree, is_zarr, kind_of
from .pictures import OME_SUFFIXES, PICTURE_SUFFIXES, ZARR_SUFFIXES
from .volumes import VOLUME_SUFFIXES, read_volume

__all__ = ["find_inputs", "output_name", "output_names"]


def find_inputs(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], volumetric: bool, in_channels: int | None = None
) -> list[dict]:
    """The inputs under files and folders, as a datalist of {"image": path}.

    What is passed over in a folder is issued as one :class:`.errors.InputWarning`. A DICOM series whose
    files lie in several folders gives another.

    Args:
        paths: files, which are taken as they are, and folders, which are searched.
        volumetric: search for volumes (NIfTI, NRRD, MetaImage, folders with a DICOM series), otherwise for pictures,
            among which are folders of OME-Zarr.
        in_channels: the channels that the network takes. Files of further channels in a folder are no inputs of their
            own, see :func:`.channel_files.first_channels`.

    Raises:
        DataError: a path does not exist or is no file or folder, or a folder holds nothing to segment.
    """
    found: list[Path] = []
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        place = Path(path)
        kind = kind_of(place)
        if kind == "file":
            if place.name.upper() == "DICOMDIR":
                raise DataError(f"{place} only lists the files of a medium: give its folder, {place.parent}.")
            header = place.with_suffix(".hdr")
            found.append(header if place.suffix.lower() == ".img" and header.is_file() else place)
        elif kind == "folder" and not volumetric and is_zarr(place):
            found.append(place)
        elif kind == "folder":
            found += _inputs_in(place, volumetric, in_channels)
        elif kind == "nothing":
            raise DataError(f"{place} does not exist: give a file, or a folder with files.")
        else:
            raise DataError(f"{place} cannot be used ({kind}): give a file, or a folder with files.")
    return [{"image": str(path)} for path in found]


def _inputs_in(folder: Path, volumetric: bool, in_channels: int | None) -> list[Path]:
    files_of_image = (in_channels or 1) // (1 if volumetric else 3)
    inputs: list[Path] = []
    folders: dict[str, list[str]] = {}
    tree = FolderTree(folder)
    suffixes = VOLUME_SUFFIXES if volumetric else (*PICTURE_SUFFIXES, *ZARR_SUFFIXES)
    kinds = "NIfTI, NRRD, MetaImage or DICOM" if volumetric else "PNG, TIFF, JPEG, BMP or OME-Zarr"
    for parent, files in tree.files.items():
        slices = [file for file in files if volumetric and not file.name.lower().endswith(suffixes) and _is_dicom(file)]
        images = tree.select([file for file in files if file not in slices], suffixes, kinds)
        inputs += first_channels(images, files_of_image, _has_one_channel if volumetric else lambda path: True)
        series = next((uid for file in slices if (uid := _series(file, tree)) is not None), None)
        if series is not None:
            inputs.append(parent)
            folders.setdefault(series or str(parent), []).append(str(parent))
    tree.warn()
    for parts in folders.values():
        if len(parts) > 1:
            sentence = f"{', '.join(parts)} hold the same DICOM series, and each is a volume of its own"
            warnings.warn(f"{sentence}: put the files into one folder if they are one.", InputWarning, stacklevel=3)
    if not inputs:
        raise DataError(f"The folder {folder} holds nothing to segment: give one with {kinds} files.")
    return inputs


def _has_one_channel(path: str) -> bool:
    try:
        return read_volume(path)[0].ndim == 3
    except DataError:  # the segmentation says what is wrong with it
        return False


def _is_dicom(file: Path) -> bool:
    try:
        return looks_like_dicom(file)
    except OSError:
        return False


def _series(file: Path, tree: FolderTree) -> str | None:
    """The series of a DICOM file. What is no image is noted as passed over."""
    series = series_of_image(file)
    if series is None:
        tree.pass_over(file, "DICOM without an image")
    return series


def output_name(image: str | os.PathLike[str]) -> str:
    """The name of an input without its folder and endings: ``case_01`` of ``data/case_01.nii.gz``.

    A folder keeps its whole name, but for one of zarr: it is often a DICOM UID, whose last number is no ending.
    """
    name = Path(image).name
    for suffix in (*ZARR_SUFFIXES, *OME_SUFFIXES):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    if Path(image).is_dir():
        return name
    for suffix in (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)].removesuffix(".nii")
    return Path(name).stem


def output_names(images: Iterable[str | os.PathLike[str]]) -> tuple[dict[str, str], dict[str, str]]:
    """A different name for each input.

    Inputs that share their :func:`output_name` get the names of their folders in front, as many as it takes:
    ``a_case`` and ``b_case`` for ``a/case.nii`` and ``b/case.nii``.

    Returns:
        The names by path; and by path one sentence for each input that has none, because another of the same folder
        differs in its ending only.
    """
    names = {str(image): output_name(image) for image in images}
    folders = {image: list(Path(image).absolute().parent.parts) for image in names}
    while len(set(names.values())) < len(names):
        counts = Counter(names.values())
        shared = [image for image, name in names.items() if counts[name] > 1]
        if not any(folders[image] for image in shared):
            break
        for image in shared:
            if folders[image]:
                names[image] = f"{folders[image].pop().strip(os.sep)}_{names[image]}"
    by_name: dict[str, list[str]] = {}
    for image, name in names.items():
        by_name.setdefault(name, []).append(image)
    clashes = {}
    for images_of_name in by_name.values():
        for image in images_of_name if len(images_of_name) > 1 else ():
            other = next(one for one in images_of_name if one != image)
            clashes[image] = f"The masks of {image} and {other} would have one name: rename one of them."
    return {image: name for image, name in names.items() if image not in clashes}, clashes
