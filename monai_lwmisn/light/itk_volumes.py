"""Reads NRRD and MetaImage files as arrays with their geometry. Needs numpy and ITK, neither torch nor MONAI."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .compressed import check_compressed
from .dicom_grid import LPS_TO_RAS
from .errors import DataError, InputWarning
from .libraries import library
from .quiet import without_native_messages

NRRD_SUFFIXES = (".nrrd", ".nhdr")
METAIMAGE_SUFFIXES = (".mha", ".mhd")

_MILLIMETRES = {"": 1.0, "mm": 1.0, "millimeter": 1.0, "m": 1e3, "cm": 10.0, "um": 1e-3, "µm": 1e-3, "micron": 1e-3}
_NO_ANATOMY = "has no anatomical axes in its header: they are assumed to run to the left, to the back and upwards"
_NO_ORIGIN = "has no origin in its header: 0 is assumed, so it may lie elsewhere"
_AXES = ("domain", "space", "time", "none", "???")
"""Kinds of NRRD axes that ITK takes for those of the image. Others are of the values of a voxel."""

_OWN_TYPES = ("unsigned_char", "short", "unsigned_short", "float", "double")
_LONGEST_HEADER = 2**20
_LARGEST = 1e9

__all__ = ["METAIMAGE_SUFFIXES", "NRRD_SUFFIXES", "read_itk"]


def read_itk(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Read a NRRD or MetaImage file by ITK.

    ITK is silent about what a header lacks, so that the header is looked at too. What was assumed is issued as
    :class:`InputWarning`.

    Returns:
        The voxels (x, y, z) or (x, y, z, channel); the affine (4, 4) from x, y, z to millimetres towards right,
        anterior and superior; and the number of spatial axes.

    Raises:
        DataError: the header has no spacing of an axis, a unit that is not known, or values to be converted; or the
            data are missing, short or damaged; or ITK is not installed.
    """
    itk = library("itk", f"The volume {path}", DataError)
    is_nrrd = path.name.lower().endswith(NRRD_SUFFIXES)
    fields = _fields(path, ":" if is_nrrd else "=")
    factor = (_check_nrrd if is_nrrd else _check_metaimage)(path, fields)
    _check_content(path, fields, is_nrrd)
    header = itk.ImageIOFactory.CreateImageIO(str(path), itk.CommonEnums.IOFileMode_ReadMode)
    if header is None:
        raise ValueError("it is no NRRD or MetaImage file")
    header.SetFileName(str(path))
    header.ReadImageInformation()
    if header.GetPixelTypeAsString(header.GetPixelType()) == "complex":
        raise DataError(f"{path} has complex values: save their magnitude instead.")
    kind = header.GetComponentTypeAsString(header.GetComponentType())
    number = itk.F if header.GetComponentSize() <= 2 or kind == "float" else itk.D
    with without_native_messages(), _saying_what_is_short(path):
        if header.GetNumberOfComponents() > 1:
            image = itk.imread(str(path), itk.VariableLengthVector[number])
        else:  # of types that ITK's Python does not have, it would look through all of its modules
            image = itk.imread(str(path), None if kind in _OWN_TYPES else number)
    voxels, affine, axes = _from_itk(image)
    affine[:3] *= factor
    return voxels, affine, axes


def _fields(path: Path, separator: str) -> dict[str, str]:
    """The fields of a header in text, by name in lower case."""
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        for line in stream.read(_LONGEST_HEADER).splitlines():
            text = line.decode("latin-1").strip()
            if not text:
                break
            name, found, value = text.partition(separator)
            if found:
                fields[name.strip().lower()] = value.strip()
            if name.strip() == "ElementDataFile":
                break
    return fields


def _check_nrrd(path: Path, fields: dict[str, str]) -> float:
    """Warn of what a NRRD header lacks; returns the millimetres of its unit."""
    _check_numbers(path, fields, "space directions", "space origin")
    spatial = int(fields.get("space dimension", 3))
    directions = fields.get("space directions", "")
    if directions and len([word for word in directions.split(")") if "(" in word]) < min(spatial, 3):
        raise DataError(f"{path} has an axis without a direction (space directions {directions}): correct the header.")
    kinds = [kind for kind in fields.get("kinds", "").lower().split() if kind in _AXES]
    if "time" in kinds[:3]:
        raise DataError(f"{path} has axes of the kinds {fields['kinds']}, not three of space: save one volume of it.")
    if not directions and "spacings" not in fields:
        _warn(f"{path} has no spacing in its header: 1 mm is assumed, so lengths and volumes may be wrong.")
    elif not {"space origin", "axis mins", "axismins"} & set(fields):
        _warn(f"{path} {_NO_ORIGIN}.")
    words = fields.get("space", "").lower()
    if not (words.startswith(("left", "right")) or (words[:1] in ("l", "r") and len(words) in (3, 4))):
        _warn(f"{path} {_NO_ANATOMY}.")
    units = [unit for unit in fields.get("space units", "").replace('"', " ").split() if unit != "???"]
    return _millimetres(path, units[:3])


def _check_metaimage(path: Path, fields: dict[str, str]) -> float:
    """Warn of what a MetaImage header lacks; returns the millimetres of its unit."""
    if "ndims" not in fields:
        raise ValueError("it is no MetaImage file")
    if fields["ndims"] not in ("2", "3", "4"):  # of other numbers ITK ends the whole program
        raise DataError(f"{path} has the number of axes NDims = {fields['ndims']}: correct the header.")
    _check_numbers(path, fields, "transformmatrix", "rotation", "orientation", "offset", "position", "origin")
    _check_numbers(path, fields, "elementspacing", "elementsize")
    if not {"elementspacing", "elementsize"} & set(fields):
        _warn(f"{path} has no ElementSpacing in its header: 1 mm is assumed, so lengths and volumes may be wrong.")
    if not {"transformmatrix", "rotation", "orientation"} & set(fields):
        _warn(f"{path} {_NO_ANATOMY}.")
    elif not {"offset", "position", "origin"} & set(fields):
        _warn(f"{path} {_NO_ORIGIN}.")
    scale = [fields.get(f"elementtointensityfunction{name}", "") for name in ("slope", "offset")]
    if any(text and float(text) != neutral for text, neutral in zip(scale, (1, 0), strict=True)):
        raise DataError(f"{path} has a scale of its values (ElementToIntensityFunction), which is not read: apply it.")
    return _millimetres(path, [fields.get("distanceunits", "")])


def _check_content(path: Path, fields: dict[str, str], is_nrrd: bool) -> None:
    """Check the data of a file: they are there, and what is compressed is whole. ITK gives noise without a word."""
    name = fields.get("data file", fields.get("datafile", "")) if is_nrrd else fields.get("elementdatafile", "")
    if is_nrrd:
        compressed = fields.get("encoding", "").lower() in ("gzip", "gz")
    else:
        compressed = fields.get("compresseddata", "").lower() == "true"
    if name.lower() not in ("", "local") and not name.startswith("LIST") and "%" not in name:
        data = path.parent / name
        if not data.is_file():
            raise DataError(f"The data file {data} of {path} is missing: put it beside the header.")
        if compressed:
            check_compressed(data)
    elif compressed and name.lower() in ("", "local"):
        check_compressed(path, _length_of_header(path, is_nrrd))


@contextmanager
def _saying_what_is_short(path: Path) -> Iterator[None]:
    """Make a sentence of ITK's errors for a header with too few data; for MetaImage it names an error of the system."""
    try:
        yield
    except RuntimeError as error:
        if not re.search("No such file|got only|received", str(error)):
            raise
        raise DataError(f"The volume {path} cannot be read (its data are short or missing): copy it again.") from error


def _length_of_header(path: Path, is_nrrd: bool) -> int:
    with path.open("rb") as stream:
        for line in stream:
            if (is_nrrd and not line.strip()) or line.startswith(b"ElementDataFile"):
                return stream.tell()
    raise DataError(f"The volume {path} cannot be read (it is cut short): copy it again.")


def _check_numbers(path: Path, fields: dict[str, str], *names: str) -> None:
    """Refuse a geometry that is no numbers, or beyond all measure: ITK computes on it without an end."""
    for name in names:
        words = [word for word in re.split(r"[\s(),]+", fields.get(name, "")) if word not in ("", "none")]
        try:
            usable = all(abs(float(word)) < _LARGEST for word in words)
        except ValueError:
            usable = False
        if not usable:
            raise DataError(f"{path} has the {name} {fields[name][:80]!r}: correct the header.")


def _millimetres(path: Path, units: list[str]) -> float:
    factors = {_MILLIMETRES.get(unit.lower()) for unit in units} or {1.0}
    (factor, *others) = factors
    if factor is None or others:
        raise DataError(f"{path} is in the units {', '.join(units)}: convert it to millimetres.")
    if factor != 1:
        _warn(f"{path} is in {units[0]}: its geometry, and that of its mask, is converted to millimetres.")
    return factor


def _warn(sentence: str) -> None:
    warnings.warn(sentence, InputWarning, stacklevel=3)


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
    return voxels, LPS_TO_RAS @ affine, axes
