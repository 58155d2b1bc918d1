"""Prepares the headers of a series for objects that refer to it, as a DICOM Segmentation does. Needs pydicom.

What the standard demands of such an object is checked here, so that a message names the file and the tag.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .dicom_grid import Grid, Plane
from .errors import DataError

MAY_BE_EMPTY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)
"""What the standard wants to be there, but allows to be empty (type 2): anonymised files often lack it."""

REMEDY = "correct it, or write the mask in another format"

__all__ = ["referenced_headers"]


def referenced_headers(source: str | os.PathLike[str], grid: Grid) -> list[Any]:
    """Return the headers of the files of a volume, in the order of its slices; one of a multi-frame file.

    They are complete: with empty texts for what may be empty, and with the place of each slice as the grid has it.

    Args:
        source: the folder of the series, or its multi-frame file, for messages.
        grid: of the series. Its headers are changed.

    Raises:
        DataError: a file lacks what the standard demands, has a value that it does not allow, or is one of several
            multi-frame files.
    """
    if grid.lacking:
        raise DataError(
            f"{source} has no {' and no '.join(grid.lacking)}, so that the place of a DICOM Segmentation would be "
            "guessed: write the mask in another format."
        )
    headers = {plane.file: plane.header for plane in grid.planes}
    if grid.planes[0].frame is not None and len(headers) > 1:
        raise DataError(
            f"{source} has its frames in {len(headers)} files, of which a DICOM Segmentation takes one: write the mask "
            "in another format."
        )
    of_instance: dict[str, str] = {}
    for file, header in headers.items():
        _check(file, header)
        other = of_instance.setdefault(header.SOPInstanceUID, file)
        if other != file:
            raise DataError(
                f"The DICOM files {other} and {file} have the same SOP Instance UID, so that nothing can refer to one "
                f"of them: {REMEDY}."
            )
    _place(grid)
    return list(headers.values())


def _check(file: str, header: Any) -> None:
    from highdicom import PatientSexValues
    from pydicom.datadict import dictionary_description as words_of
    from pydicom.valuerep import DA, TM

    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "FrameOfReferenceUID"):
        if not header.get(keyword):
            raise DataError(
                f"The DICOM file {file} has no {words_of(keyword)}, which a DICOM Segmentation refers to: {REMEDY}."
            )
    for keyword in MAY_BE_EMPTY:
        if header.get(keyword) is None:
            setattr(header, keyword, "")
    kinds = {"PatientSex": PatientSexValues, "PatientBirthDate": DA, "StudyDate": DA, "StudyTime": TM}
    for keyword, kind in kinds.items():
        value = header.get(keyword)
        try:
            if value:
                kind(value)
        except ValueError as error:
            raise DataError(
                f"The DICOM file {file} has {value!r} in {words_of(keyword)}, which DICOM does not allow: {REMEDY}."
            ) from error


def _place(grid: Grid) -> None:
    """Write the place of each slice where highdicom looks for it.

    It wants a thickness, and one orientation to the last digit, which files may round in their own ways and frames have
    each for itself. Spacing Between Slices says nothing where there are positions, and may be wrong.
    """
    from pydicom.dataset import Dataset

    first = grid.planes[0]
    assert first.orientation is not None and first.spacing is not None
    directions = first.orientation / np.linalg.norm(first.orientation, axis=1, keepdims=True)
    orientation = [_decimal(value) for value in directions.ravel()]
    area = float(np.prod(first.spacing))
    thickness = _decimal(first.thickness or abs(float(np.linalg.det(grid.affine[:3, :3]))) / area)
    if first.frame is None:
        for plane in grid.planes:
            plane.header.ImageOrientationPatient, plane.header.SliceThickness = orientation, thickness
            if "SpacingBetweenSlices" in plane.header:
                del plane.header.SpacingBetweenSlices
        return
    shared, turned, measured = Dataset(), Dataset(), Dataset()
    turned.ImageOrientationPatient = orientation
    measured.PixelSpacing, measured.SliceThickness = [_decimal(value) for value in first.spacing], thickness
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [turned], [measured]
    first.header.SharedFunctionalGroupsSequence = [shared]
    in_file = sorted(grid.planes, key=lambda plane: plane.frame or 0)
    first.header.PerFrameFunctionalGroupsSequence = [_placed(plane) for plane in in_file]


def _placed(plane: Plane) -> Any:
    from pydicom.dataset import Dataset

    assert plane.position is not None
    group, place = Dataset(), Dataset()
    place.ImagePositionPatient = [_decimal(value) for value in plane.position]
    group.PlanePositionSequence = [place]
    return group


def _decimal(value: float) -> Any:
    """A number as DICOM's decimal string, of 16 characters at most."""
    from pydicom.valuerep import DSfloat

    return DSfloat(float(value), auto_format=True)
