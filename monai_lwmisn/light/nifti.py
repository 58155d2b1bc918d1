"""Reads NIfTI files as arrays with their geometry. Needs numpy and nibabel, neither torch nor MONAI."""

from __future__ import annotations

import gzip
import itertools
import math
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from .compressed import open_gzip
from .errors import DataError, InputWarning

TOLERANCE = 0.1
"""Share of a voxel by which the two affines of a file may differ without a word."""

_MILLIMETRES = {1: ("metres", 1e3), 3: ("micrometres", 1e-3)}
"""Units of length other than millimetres, by code. The code 0 says nothing: millimetres are meant."""

__all__ = ["read_nifti"]


def read_nifti(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Read a NIfTI file, or the pair of a header and an image.

    The affine is nibabel's choice: the sform where its code is above 0, else the qform where its code is, else the
    spacing alone. Scaling by scl_slope and scl_inter is applied. What was assumed is issued as :class:`InputWarning`.

    Returns:
        The voxels (x, y, z) or (x, y, z, moment); the affine (4, 4) from x, y, z to millimetres towards right, anterior
        and superior; and the number of spatial axes.

    Raises:
        DataError: the affine is not finite or flat, there are more than four axes, the file is cut short, or it is
            Analyze 7.5, which has no orientation.
    """
    with open_gzip(path) if path.name.lower().endswith(".gz") else nullcontext() as content:
        return _read(path, content)


def _read(path: Path, content: gzip.GzipFile | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Read a file; its voxels from its unpacked content where it is compressed."""
    import nibabel

    image: Any = nibabel.load(path)
    if not isinstance(image, nibabel.Nifti1Pair):
        raise DataError(f"{path} is Analyze 7.5, which does not say left from right: convert it to NIfTI.")
    with image.file_map["header" if "header" in image.file_map else "image"].get_prepare_fileobj() as stream:
        stored = type(image.header).from_fileobj(stream, check=False)
    affine = _affine(path, image, stored)
    _check_length(path, image)
    stored_voxels = image.dataobj
    if content is not None:
        layout = [getattr(stored_voxels, name) for name in ("shape", "dtype", "offset", "slope", "inter")]
        stored_voxels = nibabel.arrayproxy.ArrayProxy(content, tuple(layout))
    voxels = np.asarray(stored_voxels)
    moments = [length for length in voxels.shape[3:] if length != 1]
    if len(moments) > 1:
        shape = "x".join(map(str, voxels.shape))
        raise DataError(f"{path} has the shape {shape}: save one volume of it as a file of its own.")
    axes = max(min(int(image.header["dim"][0]), 3), 1)
    return voxels.reshape(*voxels.shape[:3], *moments), affine, axes


def _check_length(path: Path, image: Any) -> None:
    """Refuse a header that claims more voxels than the file holds, before memory is taken for them."""
    file, proxy = Path(image.file_map["image"].filename), image.dataobj
    if file.suffix.lower() != ".gz" and math.prod(proxy.shape) * proxy.dtype.itemsize > file.stat().st_size:
        raise DataError(f"The volume {path} cannot be read (it is cut short): copy it again.")


def _affine(path: Path, image: Any, stored: Any) -> np.ndarray:
    header, affine = image.header, np.array(image.affine, dtype=float)
    sform, qform = int(header["sform_code"]) > 0, int(header["qform_code"]) > 0
    rank = max(min(int(header["dim"][0]), 3), 1)
    source = "sform" if sform else "qform" if qform else "spacing"
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) <= 1e-4 * lengths.prod():
        flat = "is flat" if np.isfinite(affine).all() else "has NaN or infinite numbers"
        raise DataError(f"The geometry of {path} cannot be used, its {source} {flat}: correct the header.")
    spacing = np.asarray(stored["pixdim"][1:4], dtype=float)
    remarks = []
    if not sform and not (spacing[:rank] > 0).all():
        found, taken = ("x".join(f"{length:g}" for length in which[:rank]) for which in (spacing, lengths))
        remarks.append(f"{path} has the spacing {found} in its header: {taken} mm is assumed.")
    if source == "spacing":
        remarks.append(
            f"{path} has no orientation (sform and qform codes are 0): x is assumed to run to the left, y to the front "
            "and z upwards."
        )
    elif sform and qform:
        distance = _distance(image)
        if not distance <= TOLERANCE * lengths.min():
            by = f"by up to {distance:.3g} mm" if np.isfinite(distance) else "as the qform is none"
            remarks.append(f"{path} has an sform and a qform that differ {by}: the sform is taken.")
    elif sform and (spacing[:rank] > 0).all() and np.abs(lengths[:rank] / spacing[:rank] - 1).max() > 0.01:
        found, beside = ("x".join(f"{length:.4g}" for length in which[:rank]) for which in (lengths, spacing))
        remarks.append(f"{path} has the spacing {found} in its sform and {beside} beside it: the sform is taken.")
    unit, factor = _MILLIMETRES.get(int(header["xyzt_units"]) & 7, ("", 1.0))
    if unit:
        affine[:3] *= factor
        remarks.append(f"{path} is in {unit}: its geometry, and that of its mask, is converted to millimetres.")
    for remark in remarks:
        warnings.warn(remark, InputWarning, stacklevel=2)
    return affine


def _distance(image: Any) -> float:
    """The largest distance in mm between a corner by the sform and by the qform; NaN without a valid qform."""
    import nibabel

    try:
        difference = image.get_sform() - image.get_qform()
    except (nibabel.spatialimages.HeaderDataError, ValueError):
        return float("nan")
    shape = (*image.shape[:3], 1, 1)[:3]
    corners = np.array([[*corner, 1] for corner in itertools.product(*((0, length - 1) for length in shape))])
    return float(np.linalg.norm(corners @ difference[:3].T, axis=1).max())
