"""Reads DICOM series and multi-frame files as volumes. Needs numpy and pydicom, neither torch nor MONAI."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .dicom_grid import Grid, Plane, place_planes
from .dicom_values import lookup_table, rescale, stored_frames
from .errors import DataError, InputWarning, reason_of
from .libraries import library

MOST_COMPRESSED = 1000
SMALL = 2**26
"""The frames of a file may have so many times its bytes, and so many bytes besides."""

DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
"""Endings of files that must be DICOM. Many have none."""

_IMAGES = ("Image Storage", "Parametric Map Storage", "Enhanced US Volume Storage")
"""Endings of the names of the kinds of objects that hold a volume."""

_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "ImagePositionVolume": "PlanePositionVolumeSequence",
    "ImageOrientationVolume": "PlaneOrientationVolumeSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "DiffusionBValue": "MRDiffusionSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "StackID": "FrameContentSequence",
    "NominalCardiacTriggerDelayTime": "CardiacSynchronizationSequence",
}
"""The functional groups of multi-frame files that hold what other files have on top level."""

_FACTS = (
    "AcquisitionNumber",
    "EchoTime",
    "EffectiveEchoTime",
    "DiffusionBValue",
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "TriggerTime",
    "NominalCardiacTriggerDelayTime",
    "StackID",
    "ImageType",
)
"""What tells apart the volumes of a series."""

_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
"""Where the distance of pixels may stand, the best first."""

_SLICE_VECTOR = 0x00540080
_FRAME_VECTORS = {
    0x00181063: "FrameTime",
    0x00181065: "FrameTimeVector",
    0x00540010: "EnergyWindowVector",
    0x00540020: "DetectorVector",
    0x00540030: "PhaseVector",
    0x00540050: "RotationVector",
    0x00540060: "RRIntervalVector",
    0x00540070: "TimeSlotVector",
    0x00540090: "AngularViewVector",
    0x00540100: "TimeSliceVector",
}
"""What frames of a file may be instead of slices, by the tag that Frame Increment Pointer names."""

__all__ = ["DICOM_SUFFIXES", "find_grid", "looks_like_dicom", "read_dicom", "series_of_image"]


def read_dicom(path: str | os.PathLike[str], series: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read one series as a volume.

    Args:
        path: a folder with the files of one or more series, or a file.
        series: see :func:`find_grid`.

    Returns:
        The voxels (column, row, slice), Hounsfield units of CT, and the affine (4, 4) to millimetres towards right,
        anterior and superior. What was assumed is issued as :class:`InputWarning`.

    Raises:
        DataError: see :func:`find_grid`; or the pixels of a file are missing, cut short, colours or not decodable.
    """
    grid = find_grid(path, series)
    for remark in grid.remarks:
        warnings.warn(remark, InputWarning, stacklevel=2)
    decoded: dict[str, np.ndarray] = {}
    frames, scales = [], []
    for plane in grid.planes:
        if plane.file not in decoded:
            with _naming(plane.file):
                decoded[plane.file] = stored_frames(_read(plane.file), plane.file, path)
        stored = decoded[plane.file][plane.frame or 0]
        if plane.frame is None:
            del decoded[plane.file]
        table = lookup_table(plane.header, plane.file)
        if table is not None:
            first, entries = table
            stored = entries[np.clip(stored.astype(np.int64) - first, 0, len(entries) - 1)]
        frames.append(stored)
        scales.append((1.0, 0.0) if table is not None else plane.scale)
    return rescale(frames, scales).transpose(2, 1, 0), grid.affine


def find_grid(path: str | os.PathLike[str], series: str | None = None) -> Grid:
    """Find the slices of one series, and the grid that they lie on by their tags. No pixels are read.

    Args:
        path: a folder with the files of one or more series, or a file.
        series: the UID of the series; needed where there are several.

    Raises:
        DataError: there is no series of images, not the one asked for, or more than one to choose from; a file is
            damaged; or the slices are no volume, see :func:`place_planes`.
    """
    library("pydicom", f"{path} is DICOM, and", DataError)
    headers = _choose_series(_headers(Path(path)), path, series)
    remarks: list[str] = []
    planes = []
    for file, header in headers.items():
        with _naming(file):
            planes += _planes(file, header, remarks)
    grid = place_planes(planes, path)
    return replace(grid, remarks=[*remarks, *grid.remarks])


def looks_like_dicom(file: str | os.PathLike[str]) -> bool:
    """Return whether the content of a file is DICOM: marked so (part 10, section 7.1), or in the older form."""
    return _is_dicom(_start(file))


def series_of_image(file: str | os.PathLike[str]) -> str | None:
    """Return the UID of the series that a DICOM file is an image of; None for what is none, as a report or a DICOMDIR.

    A file of no kind that can be read counts as an image of the series "", so that reading it says what is wrong.
    """
    try:
        header = _read(str(file), stop_before_pixels=True)
        return str(header.get("SeriesInstanceUID") or "") if _kind(header).endswith(_IMAGES) else None
    except Exception:  # damaged headers raise whatever pydicom meets
        return ""


def _start(file: str | os.PathLike[str]) -> bytes:
    with open(file, "rb") as stream:
        return stream.read(132)


def _is_dicom(start: bytes) -> bool:
    if start[128:] == b"DICM" or len(start) < 132:
        return start[128:] == b"DICM"
    # The older form begins with an element of group 2 or 8, in either byte order, with or without the type of value.
    group = start[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")
    return group and (start[4:6].isupper() or int.from_bytes(start[4:8], "little") < 1024)


def _headers(path: Path) -> dict[str, Any]:
    """The headers of the images, by path; other DICOM objects and other files are passed over."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    else:
        files = [path]
    headers, others = {}, set()
    for file in files:
        with _naming(file):
            start = _start(file)
            if not _is_dicom(start):
                ending = file.suffix.lower()
                if ending in DICOM_SUFFIXES or not (any(start) or ending.strip(".").isalpha()):
                    raise ValueError("it is damaged or cut short")
                continue
            header = _read(str(file), stop_before_pixels=True)
            kind = _kind(header)
            if not kind.endswith(_IMAGES):
                others.add(kind)
            elif header.get("Rows") and header.get("Columns"):
                headers[str(file)] = header
            else:
                raise ValueError("it has no Rows and Columns, so it is cut short or no image")
    if not headers:
        instead = f", only {', '.join(sorted(others))}" if others else ""
        raise DataError(f"{path} holds no DICOM series of images that can be read{instead}: give another.")
    return headers


def _kind(header: Any) -> str:
    """The name of the kind of a DICOM object. Those of makers have none in the standard, and count as images."""
    from pydicom.uid import UID

    kind = UID(str(header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID") or ""))
    return "Image Storage" if kind.name == str(kind) else kind.name


def _choose_series(headers: dict[str, Any], path: str | os.PathLike[str], series: str | None) -> dict[str, Any]:
    found = list(dict.fromkeys(str(header.get("SeriesInstanceUID", "")) for header in headers.values()))
    if series is None and len(found) > 1:
        raise DataError(f"{path} holds {len(found)} DICOM series: choose one by its UID, of {', '.join(found)}.")
    if series is not None and series not in found:
        raise DataError(f"{path} holds no series {series}: choose from {', '.join(found)}.")
    chosen = series or found[0]
    files = {file: header for file, header in headers.items() if str(header.get("SeriesInstanceUID", "")) == chosen}
    for keyword in ("PatientID", "StudyInstanceUID"):
        several = list(dict.fromkeys(str(header.get(keyword) or "") for header in files.values()))
        if len(several) > 1:
            raise DataError(
                f"{path} has slices of {len(several)} in {_words(keyword)} ({', '.join(several)}) under one series "
                "UID, so they belong to different examinations: give each a folder of its own."
            )
    return files


def _read(file: str, stop_before_pixels: bool = False) -> Any:
    import pydicom

    dataset = pydicom.dcmread(file, stop_before_pixels=stop_before_pixels, force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = getattr(dataset, "original_encoding", (None, None))
        if little is None:
            implicit, little = dataset.is_implicit_VR, dataset.is_little_endian
        explicit = pydicom.uid.ExplicitVRLittleEndian if little else pydicom.uid.ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian if implicit else explicit
    return dataset


@contextmanager
def _naming(file: str | os.PathLike[str]) -> Iterator[None]:
    """Make one sentence about a file of the errors that pydicom raises for a damaged one."""
    try:
        yield
    except (DataError, InputWarning):
        raise
    except Exception as error:
        raise DataError(f"The DICOM file {file} cannot be read ({reason_of(error)}): copy it again.") from error


def _planes(file: str, header: Any, remarks: list[str]) -> list[Plane]:
    """The slices of a file."""
    if "MOSAIC" in str(header.get("ImageType")).upper():
        raise DataError(
            f"The DICOM file {file} is a mosaic, a picture of all slices side by side: convert it to NIfTI, for "
            "example with dcm2niix."
        )
    count = int(header.get("NumberOfFrames") or 1)
    _check_size(file, header, count)
    groups = list(header.get("PerFrameFunctionalGroupsSequence") or [])
    if len(groups) not in (0, count):
        raise DataError(f"The DICOM file {file} describes {len(groups)} of its {count} frames: copy it again.")
    shared = list(header.get("SharedFunctionalGroupsSequence") or [])
    if groups:
        return [_plane(file, header, number, [group, *shared]) for number, group in enumerate(groups)]
    if count == 1:
        return [_plane(file, header, None, shared)]
    _check_frames_are_slices(file, header)
    return _stacked(file, [_plane(file, header, number, shared) for number in range(count)], remarks)


def _check_size(file: str, header: Any, count: int) -> None:
    """Refuse a file that is much smaller than its frames, before any memory is taken for them."""
    size = os.path.getsize(file)
    decoded = count * int(header.Rows) * int(header.Columns) * int(header.get("BitsAllocated") or 16) // 8
    if count < 1 or count > size or decoded > MOST_COMPRESSED * size + SMALL:
        raise DataError(f"The DICOM file {file} has {size} bytes, too few for its {count} frames: copy it again.")


def _check_frames_are_slices(file: str, header: Any) -> None:
    pointer = header.get("FrameIncrementPointer") or []
    tags = [int(tag) for tag in (pointer if isinstance(pointer, Sequence) else [pointer])]
    for tag in tags:
        name = _FRAME_VECTORS.get(tag)
        values = np.atleast_1d(np.array(header.get(name) if name else None)).tolist()
        if name and (name.startswith("FrameTime") or len(set(values)) > 1):
            raise DataError(
                f"The frames of {file} differ in {_words(name)}, so they are no slices of one volume: convert what "
                "you mean to a volume."
            )
    order = header.get("SliceVector")
    if _SLICE_VECTOR in tags and list(np.atleast_1d(order)) != list(range(1, int(header.NumberOfFrames) + 1)):
        raise DataError(f"The frames of {file} are not in the order of one volume (Slice Vector): convert it.")


def _stacked(file: str, planes: list[Plane], remarks: list[str]) -> list[Plane]:
    """Frames of which the file gives one position: the sign of Spacing Between Slices says where the next lies."""
    first = planes[0]
    if first.position is None or first.orientation is None:
        return planes
    distance = first.distance or first.thickness
    if not distance:
        raise DataError(f"The frames of {file} have no distance (Spacing Between Slices): convert it to NIfTI.")
    source = "Spacing Between Slices" if first.distance else "the Slice Thickness"
    remarks.append(f"{file} gives one position for all frames: {source} ({distance:g} mm) is taken for their distance.")
    way = np.cross(*first.orientation) * distance
    return [replace(plane, position=first.position + way * index) for index, plane in enumerate(planes)]


def _plane(file: str, header: Any, frame: int | None, groups: list[Any]) -> Plane:
    name = file if frame is None else f"{file}, frame {frame + 1},"
    detectors = header.get("DetectorInformationSequence") or []  # of nuclear medicine

    def get(keyword: str) -> Any:
        for group in groups:
            items = group.get(_GROUPS.get(keyword, "")) or []
            if items and items[0].get(keyword) not in (None, ""):
                return items[0].get(keyword)
        value = header.get(keyword)
        return detectors[0].get(keyword) if value is None and detectors else value

    def numbers(keyword: str, count: int) -> np.ndarray | None:
        return _numbers(get, keyword, count, name)

    def number(keyword: str) -> float | None:
        """A number that may be missing."""
        try:
            found = numbers(keyword, 1)
        except DataError:
            return None
        return None if found is None else float(found[0])

    position, orientation = numbers("ImagePositionPatient", 3), numbers("ImageOrientationPatient", 6)
    if position is None and orientation is None:  # of three-dimensional ultrasound
        position, orientation = numbers("ImagePositionVolume", 3), numbers("ImageOrientationVolume", 6)
    if orientation is not None:
        orientation = orientation.reshape(2, 3)
        _check_orientation(orientation, name)
    spacings = {keyword: numbers(keyword, 2) for keyword in _SPACINGS}
    spacing_source = next((keyword for keyword, spacing in spacings.items() if spacing is not None), "")
    spacing = spacings.get(spacing_source)
    if spacing is not None and spacing.min() <= 0:
        raise DataError(
            f"The DICOM slice {name} has the {_words(spacing_source)} {spacing[0]:g}x{spacing[1]:g} mm: correct it."
        )
    slope, intercept = numbers("RescaleSlope", 1), numbers("RescaleIntercept", 1)
    if slope is not None and slope[0] == 0:
        raise DataError(f"The DICOM slice {name} has the Rescale Slope 0, which makes all voxels alike: correct it.")
    return Plane(
        file=file,
        frame=frame,
        shape=(int(header.Rows), int(header.Columns)),
        position=position,
        orientation=orientation,
        spacing=spacing,
        spacing_source=_words(spacing_source),
        thickness=number("SliceThickness"),
        distance=number("SpacingBetweenSlices"),
        location=number("SliceLocation") if frame is None else None,
        number=number("InstanceNumber") if frame is None else frame,
        frame_of_reference=str(header.get("FrameOfReferenceUID") or ""),
        is_localizer="LOCALIZER" in str(header.get("ImageType")).upper(),
        scale=(1.0 if slope is None else float(slope[0]), 0.0 if intercept is None else float(intercept[0])),
        facts={_words(keyword): str(get(keyword)) for keyword in _FACTS if get(keyword) not in (None, "")},
        header=header,
    )


def _check_orientation(orientation: np.ndarray, name: str) -> None:
    lengths = np.linalg.norm(orientation, axis=1)
    if np.abs(lengths - 1).max() > 0.01 or abs(orientation[0] @ orientation[1]) > 0.01:
        values = "\\".join(f"{value:g}" for value in orientation.ravel())
        raise DataError(
            f"The DICOM slice {name} has the Image Orientation {values}, which are not two directions of length 1 at "
            "right angles: correct it."
        )


def _numbers(get: Callable[[str], Any], keyword: str, count: int, name: str) -> np.ndarray | None:
    """The numbers of a tag; None where it is missing or empty."""
    try:
        value = get(keyword)
        if value is None or value == "" or (isinstance(value, Sequence) and len(value) == 0):
            return None
        numbers = np.array(value, dtype=float).ravel()
    except (TypeError, ValueError) as error:
        raise DataError(f"The DICOM slice {name} has no numbers in {_words(keyword)} ({error}): correct it.") from error
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise DataError(f"The DICOM slice {name} has {value} in {_words(keyword)}: correct it.")
    return numbers


def _words(keyword: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", keyword)
