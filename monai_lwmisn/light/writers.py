"""Writes masks to files, each whole or not at all. Needs numpy, nibabel, ITK and Pillow, neither torch nor MONAI."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from .errors import ConfigError, DataError
from .mask_marks import KEY, is_own_mask, mark_of

Write = Callable[[Path], None]
"""Writes one file to the path given, whose ending is that of the format."""

__all__ = ["EXTENSIONS", "ITK_EXTENSIONS", "is_replaceable", "mask_writer", "write_files"]


def mask_writer(extension: str, mask: np.ndarray, affine: np.ndarray | None = None, source: str = "") -> Write:
    """Return a function that writes a mask to a file of some format.

    Args:
        extension: one of :data:`EXTENSIONS`, or ``.tif`` for object numbers of 32 bits.
        mask: labels or object numbers: (x, y, z) of a volume, (height, width) of a picture, uint8 or uint16; of a TIFF
            uint32.
        affine: (4, 4) of a volume, from x, y, z to millimetres towards right, anterior and superior.
        source: the input that it belongs to, see :func:`.mask_marks.source_of`.

    Raises:
        ConfigError: masks are not written in that format.
    """
    mark = mark_of(mask, source)
    if extension == ".png":
        return lambda path: _write_picture(path, mask, mark)
    if extension == ".tif":
        return lambda path: _write_numbers(path, mask, mark)
    if extension not in EXTENSIONS:
        raise ConfigError(f"Masks are not written as {extension!r}: use one of {', '.join(EXTENSIONS)}.")
    geometry = np.eye(4) if affine is None else np.asarray(affine, dtype=float)
    write = _write_nifti if extension in (".nii", ".nii.gz") else _write_itk
    return lambda path: write(path, mask, geometry, mark)


ITK_EXTENSIONS = (".nrrd", ".mha")
"""The endings of the files that ITK writes."""

EXTENSIONS = (".nii.gz", ".nii", *ITK_EXTENSIONS, ".png")
"""The endings of the files that masks are written to. The last is for pictures, the others are for volumes."""


def is_replaceable(path: Path) -> bool:
    """Return whether a file may be written to: there is none, or a mask or overlay of an earlier call."""
    return not path.exists() or is_own_mask(path)


def write_files(files: Mapping[Path, Write]) -> None:
    """Write files of one folder: all of them, or none where one cannot be written.

    Args:
        files: what writes each, by path. Masks of an earlier call are replaced.

    Raises:
        DataError: another file is in the place of one: somebody's own mask, or one that was corrected.
        OSError: one cannot be written, for example because the disk is full.
        RuntimeError: likewise, from ITK.
    """
    for path in files:
        if not is_replaceable(path):
            raise DataError(
                f"{path} is no mask of an earlier call, or was changed since, and would be written over: move it, or "
                "give another folder."
            )
    # The ending says the format, so it stays at the end.
    partial = {path: path.with_name(f".partial.{path.name}") for path in files}
    try:
        for path, write in files.items():
            write(partial[path])
            with partial[path].open("rb") as file:
                os.fsync(file.fileno())  # some network folders say only now that they are full
        for path in files:
            partial[path].replace(path)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def _write_nifti(path: Path, mask: np.ndarray, affine: np.ndarray, mark: str) -> None:
    import nibabel

    image = nibabel.Nifti1Image(mask, affine)
    image.set_sform(affine, code=1)
    # A qform has no shear: where there is one, its code says that it is not to be used.
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0).clip(1e-12)
    image.set_qform(affine, code=1 if np.allclose(axes.T @ axes, np.eye(3), atol=1e-3) else 0)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = mark
    nibabel.save(image, path)


def _write_itk(path: Path, mask: np.ndarray, affine: np.ndarray, mark: str) -> None:
    import itk

    image = itk.Image[itk.US if mask.dtype == np.uint16 else itk.UC, 3].New()
    image.SetRegions([int(length) for length in mask.shape])
    image.Allocate()
    # itk.image_from_array exchanges the axes of volumes of one voxel along two axes.
    itk.array_view_from_image(image)[...] = mask.T
    # ITK's axes point left and posterior.
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    spacing[spacing == 0] = 1.0
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection(itk.matrix_from_array(np.ascontiguousarray(affine[:3, :3] / spacing)))
    image[KEY] = mark
    itk.imwrite(image, str(path), compression=True)


def _write_picture(path: Path, mask: np.ndarray, mark: str) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text(KEY, mark)
    Image.fromarray(np.ascontiguousarray(mask)).save(path, pnginfo=notes)


def _write_numbers(path: Path, mask: np.ndarray, mark: str) -> None:
    import tifffile

    tifffile.imwrite(path, mask, compression="zlib", software=mark)
