"""Reads volumes as arrays with their geometry. Needs numpy, nibabel and ITK, neither torch nor MONAI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from monai_lwmisn.errors import DataError, reason_of
from monai_lwmisn.inference.dicom import check_spacing, series_files
from monai_lwmisn.inference.quiet import without_native_messages

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
NIFTI_SUFFIXES = (".nii", ".nii.gz")

__all__ = ["NIFTI_SUFFIXES", "VOLUME_SUFFIXES", "read_volume"]


def read_volume(path: str | os.PathLike[str], series: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read one volume: NIfTI by nibabel; NRRD, MetaImage and the folder of a DICOM series by ITK.

    Args:
        path: the file, or the folder of a DICOM series.
        series: the UID of the DICOM series to read from a folder that holds several.

    Returns:
        The voxels (x, y, z), or (x, y, z, channel) where a voxel has several values, in the type of the file; and the
        affine (4, 4) from x, y, z to millimetres towards right, anterior and superior.

    Raises:
        DataError: the file is none of these or damaged, a folder leaves a choice between series, slices are not evenly
            spaced, a voxel is a colour, or the volume has no voxels or not three axes.
    """
    try:
        voxels, affine, axes = _read(Path(path), series)
    except DataError:
        raise
    except Exception as error:  # every library raises its own
        raise DataError(f"The volume {path} cannot be read ({reason_of(error)}): repair or remove it.") from error
    if voxels.dtype.names:
        raise DataError(f"The volume {path} has colours instead of values: convert it to grey.")
    extent = voxels.shape[:axes]
    if min(extent, default=0) < 1:
        raise DataError(f"The volume {path} has the extent {'x'.join(map(str, extent))}: there is no voxel.")
    if axes != 3:
        raise DataError(
            f"{path} has {axes} axes instead of 3: save it as a volume of one slice, or use a network of pictures."
        )
    return voxels, affine


def _read(path: Path, series: str | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Voxels, affine and the number of spatial axes."""
    if path.name.lower().endswith(NIFTI_SUFFIXES) and not path.is_dir():
        return _read_nifti(path)
    import itk

    if not path.is_dir():
        with without_native_messages():
            image = itk.imread(str(path))
        return _from_itk(image)
    files = series_files(str(path), series)
    check_spacing(files)
    return _from_itk(itk.imread(files if len(files) > 1 else files[0]))


def _read_nifti(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    import nibabel

    image: Any = nibabel.load(path)
    _choose_affine(image)
    voxels = np.asarray(image.dataobj)
    return _native(voxels), np.array(image.affine), max(min(int(image.header["dim"][0]), 3), 1)


def _choose_affine(image: Any) -> None:
    """Let the sform or the qform be the affine of a NIfTI image, whichever agrees with its spacing.

    The rule is that of MONAI's NibabelReader.
    """
    header = image.header
    rank = int(header["dim"][0])
    spacing = np.asarray(header.get_zooms())[:rank]

    def agrees(affine: np.ndarray) -> bool:
        lengths = np.linalg.norm(affine[:rank, :rank], axis=0)
        return np.allclose(spacing, np.where(lengths == 0, 1.0, lengths))

    if rank >= 5 or agrees(image.affine):
        return
    sform, qform = image.get_sform(), image.get_qform()
    if header["sform_code"] and not agrees(sform) and agrees(qform):
        image.set_sform(qform)
    elif not header["sform_code"] and header["qform_code"] and not agrees(qform) and agrees(sform):
        image.set_qform(sform)


def _from_itk(image: Any) -> tuple[np.ndarray, np.ndarray, int]:
    import itk

    voxels = itk.array_from_image(image).T
    if image.GetNumberOfComponentsPerPixel() > 1:
        voxels = np.moveaxis(voxels, 0, -1)
    direction = np.asarray(itk.array_from_matrix(image.GetDirection()))
    axes = max(min(len(direction), 3), 1)
    affine = np.eye(4)
    affine[:axes, :axes] = direction[:axes, :axes] @ np.diag(np.asarray(image.GetSpacing())[:axes])
    affine[:axes, 3] = np.asarray(image.GetOrigin())[:axes]
    # ITK's axes point left and posterior.
    return _native(voxels), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine, axes


def _native(voxels: np.ndarray) -> np.ndarray:
    """The same values in the byte order of the machine, as torch needs them."""
    return voxels if voxels.dtype.isnative else voxels.astype(voxels.dtype.newbyteorder("="))
