"""Reads volumes as arrays with their geometry. Needs numpy and the libraries of files, neither torch nor MONAI."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .channel_files import with_other_channels
from .dicom import DICOM_SUFFIXES, looks_like_dicom, read_dicom
from .errors import DataError, InputWarning, reason_of
from .itk_volumes import METAIMAGE_SUFFIXES, NRRD_SUFFIXES, read_itk
from .nifti import read_nifti

NIFTI_SUFFIXES = (".nii", ".nii.gz", ".hdr")
VOLUME_SUFFIXES = (*NIFTI_SUFFIXES, *NRRD_SUFFIXES, *METAIMAGE_SUFFIXES)

FLAT = 1e-4
"""Share of the volume of a box of the same edges, below which a voxel is flat."""

SAME_GRID = 0.1
"""Share of the smallest voxel spacing by which the corners of two channels may be apart."""

__all__ = ["NIFTI_SUFFIXES", "VOLUME_SUFFIXES", "read_channels", "read_volume", "read_with_other_channels"]


def read_volume(path: str | os.PathLike[str], series: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read one volume: NIfTI, NRRD, MetaImage, or DICOM by the rules of docs/inputs.md.

    What was assumed about the file is issued as :class:`InputWarning`.

    Args:
        path: the file, or the folder of a DICOM series.
        series: the UID of the DICOM series to read from a folder that holds several.

    Returns:
        The voxels (x, y, z), or (x, y, z, channel) where a voxel has several values, in the type of the file; and the
        affine (4, 4) from x, y, z to millimetres towards right, anterior and superior.

    Raises:
        DataError: the file is none of these or damaged, a folder leaves a choice between series, no regular grid holds
            the slices, a voxel is a colour, or the volume has no voxels or not three axes.
    """
    if Path(path).is_file() and not os.path.getsize(path):
        raise DataError(f"The volume {path} is empty: copy it again.")
    try:
        voxels, affine, axes = _read(Path(path), series)
    except (DataError, InputWarning):
        raise
    except Exception as error:  # every library raises its own
        raise DataError(f"The volume {path} cannot be read ({reason_of(error)}): repair or remove it.") from error
    if voxels.dtype.names:
        raise DataError(f"The volume {path} has colours instead of values: convert it to grey.")
    if voxels.dtype.kind == "c":
        raise DataError(f"{path} has complex values: save their magnitude instead.")
    extent = voxels.shape[:axes]
    if min(extent, default=0) < 1:
        raise DataError(f"The volume {path} has the extent {'x'.join(map(str, extent))}: there is no voxel.")
    if axes != 3:
        raise DataError(
            f"{path} has {axes} axes instead of 3: save it as a volume of one slice, or use a network of pictures."
        )
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > FLAT * lengths.prod()):
        raise DataError(f"The axes of {path} are flat or not finite: correct its header.")
    return _native(voxels), affine


def read_channels(paths: Sequence[str], series: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read one volume whose channels may have a file each, see :func:`read_volume`.

    Args:
        paths: one path, or those of the channels in their order.
        series: see :func:`read_volume`.

    Returns:
        See :func:`read_volume`; of several files the voxels are (x, y, z, channel).

    Raises:
        DataError: see :func:`read_volume`; or a file has several channels itself, or lies on another grid.
    """
    volumes = [read_volume(path, series) for path in paths]
    if len(volumes) == 1:
        return volumes[0]
    (first, grid), size = volumes[0], np.linalg.norm(volumes[0][1][:3, :3], axis=0).min()
    for path, (voxels, affine) in zip(paths, volumes, strict=True):
        if voxels.ndim > 3:
            raise DataError(f"{path} has {voxels.shape[3]} channels itself: give each channel a file, or all one file.")
        corners = np.array(np.meshgrid(*[[0, length - 1] for length in first.shape], [1.0])).reshape(4, -1)
        if voxels.shape != first.shape or np.abs((affine - grid) @ corners).max() > SAME_GRID * size:
            raise DataError(
                f"The channel {path} is not on the grid of {paths[0]}: save all channels of an image on one grid."
            )
    return np.stack([voxels for voxels, _ in volumes], axis=-1), grid


def read_with_other_channels(
    path: str | os.PathLike[str], in_channels: int = 1, series: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read one volume, and the files of its other channels beside it, see :func:`.with_other_channels`.

    Args:
        path: see :func:`read_volume`.
        in_channels: the channels that the network takes.
        series: see :func:`read_volume`.

    Returns:
        See :func:`read_channels`.

    Raises:
        DataError: see :func:`read_channels`.
    """
    voxels, affine = read_volume(path, series)
    if voxels.ndim == 3 and len(files := with_other_channels(path, in_channels)) > 1:
        return read_channels(files, series)
    return voxels, affine


def _read(path: Path, series: str | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Voxels, affine and the number of spatial axes."""
    name = path.name.lower()
    if path.is_dir():
        return *read_dicom(path, series), 3
    if name.endswith((*NIFTI_SUFFIXES, ".img")):
        return read_nifti(path)
    if name.endswith((*NRRD_SUFFIXES, *METAIMAGE_SUFFIXES)):
        return read_itk(path)
    if looks_like_dicom(path) or name.endswith(DICOM_SUFFIXES):
        return *read_dicom(path, series), 3
    raise DataError(f"{path} is no volume that is known here: give NIfTI, NRRD, MetaImage or DICOM.")


def _native(voxels: np.ndarray) -> np.ndarray:
    """The same values in the byte order of the machine, as torch needs them."""
    return voxels if voxels.dtype.isnative else voxels.astype(voxels.dtype.newbyteorder("="))
