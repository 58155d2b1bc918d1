"""DICOM inputs; the independent reader is pydicom, with the tags put together by hand."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_modality_lut

from tests.inputs.table import Refused, Row, Volume

STORED = np.arange(6 * 5 * 4).reshape(6, 5, 4) * 7 % 830 - 100
"""(slice, row, column): no two voxels are alike."""

SPACING = (1.5, 0.75)
"""Between rows and between columns, mm, as in Pixel Spacing."""

AXIAL, CORONAL, SAGITTAL = (1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)
OBLIQUE = (0.936293, 0.0, -0.351228, 0.120123, 0.939693, 0.320229)
START, STEP = np.array([-20.0, 15.0, 100.0]), 5.0

Edit = Callable[[Dataset, int], None]


def line(orientation: Sequence[float] = AXIAL, count: int = 6, shift: Sequence[float] = (0, 0, 0)) -> np.ndarray:
    """Positions of slices one step after the other along their normal, each moved by a shift more than the last."""
    normal = np.cross(orientation[:3], orientation[3:])
    return START + np.arange(count)[:, None] * (STEP * normal + np.asarray(shift))


def new(sop: str, modality: str, series: str) -> Dataset:
    """A dataset with the tags that all images have."""
    data, meta = Dataset(), FileMetaDataset()
    data.SOPClassUID = meta.MediaStorageSOPClassUID = uid.UID(sop)
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = uid.generate_uid()
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    data.file_meta = meta
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Phantom", "1", "", ""
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = "1.2.3.1", series, "1.2.3.2"
    data.StudyID, data.StudyDate, data.StudyTime, data.AccessionNumber = "1", "20200101", "120000", ""
    data.ReferringPhysicianName, data.Manufacturer, data.SeriesNumber = "", "", "1"
    data.Modality, data.ImageType = modality, ["ORIGINAL", "PRIMARY", "AXIAL"]
    return data


def set_pixels(data: Dataset, stored: np.ndarray, bits: int = 16, used: int | None = None, signed: bool = True) -> None:
    """Set the pixels (row, column) or (frame, row, column), and the tags that describe them."""
    data.Rows, data.Columns = stored.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored = bits, used or bits
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(signed)
    pixels = np.ascontiguousarray(stored).astype(f"<{'i' if signed else 'u'}{bits // 8}").tobytes()
    data.add_new("PixelData", "OW", pixels + b"\0" * (len(pixels) % 2))


def series(
    folder: Path,
    stored: np.ndarray = STORED,
    positions: np.ndarray | None = None,
    orientation: Sequence[float] | Sequence[Sequence[float]] = AXIAL,
    edit: Edit | None = None,
    write: Callable[[Dataset, Path], None] | None = None,
    name: str = "series",
    number: str = "1.2.3.3",
    **pixels: Any,
) -> Path:
    """Write a series of single slices.

    Args:
        folder: for the folder of the series.
        stored: (slice, row, column).
        positions: (slice, 3); None for a line along the normal.
        orientation: of all slices, or of each.
        edit: changes the dataset of a slice, given with its index.
        write: writes a slice.
        name: of the folder of the series.
        number: the UID of the series.
        pixels: see :func:`set_pixels`.
    """
    (folder / name).mkdir(exist_ok=True, parents=True)
    orientations = np.broadcast_to(orientation, (len(stored), 6))
    positions = line(orientations[0], len(stored)) if positions is None else positions
    for index, (pixel, position, turn) in enumerate(zip(stored, positions, orientations, strict=True)):
        data = new(uid.CTImageStorage, "CT", number)
        data.InstanceNumber, data.AcquisitionNumber = index + 1, 1
        data.ImagePositionPatient = [f"{value:.8g}" for value in position]
        data.ImageOrientationPatient = [f"{value:.8g}" for value in turn]
        data.PixelSpacing, data.SliceThickness = list(SPACING), STEP
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 1, 0, "HU"
        set_pixels(data, pixel, **pixels)
        if edit is not None:
            edit(data, index)
        # Multiplied around a prime, so that names are in another order than slices.
        path = folder / name / f"{number}_{(index * 7 + 3) % 31:02d}.dcm"
        (write or _write)(data, path)
    return folder / name


def _write(data: Dataset, path: Path) -> None:
    data.save_as(path, enforce_file_format=True)


def enhanced(
    folder: Path,
    stored: np.ndarray = STORED,
    positions: np.ndarray | None = None,
    orientation: Sequence[float] | Sequence[Sequence[float]] = AXIAL,
    order: Sequence[int] | None = None,
    slopes: Sequence[float] | None = None,
    edit: Callable[[Dataset], None] | None = None,
    **pixels: Any,
) -> Path:
    """Write one enhanced MR file. The frames are stored in an order."""
    count = len(stored)
    orientations = np.broadcast_to(orientation, (count, 6))
    positions = line(orientations[0], count) if positions is None else positions
    order = range(count) if order is None else order
    data = new(uid.EnhancedMRImageStorage, "MR", "1.2.3.4")
    data.InstanceNumber, data.NumberOfFrames = 1, count
    set_pixels(data, stored[list(order)], **pixels)
    shared, measures = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = list(SPACING), STEP, STEP
    shared.PixelMeasuresSequence = [measures]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = []
    for number, index in enumerate(order, start=1):
        frame, place, turn, content, value = Dataset(), Dataset(), Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [f"{coordinate:.8g}" for coordinate in positions[index]]
        turn.ImageOrientationPatient = [f"{coordinate:.8g}" for coordinate in orientations[index]]
        content.StackID, content.InStackPositionNumber = "1", number
        value.RescaleSlope, value.RescaleIntercept, value.RescaleType = slopes[index] if slopes else 1, -3, "US"
        frame.PlanePositionSequence, frame.PlaneOrientationSequence = [place], [turn]
        frame.FrameContentSequence, frame.PixelValueTransformationSequence = [content], [value]
        data.PerFrameFunctionalGroupsSequence.append(frame)
    if edit is not None:
        edit(data)
    (folder / "enhanced").mkdir()
    _write(data, folder / "enhanced" / "frames.dcm")
    return folder / "enhanced"


def planes(data: Dataset) -> Iterator[tuple[np.ndarray, ...]]:
    """The values of each slice or frame (row, column), its position, orientation and Pixel Spacing."""
    pixels = apply_modality_lut(data.pixel_array, data) if "ModalityLUTSequence" in data else data.pixel_array
    pixels = pixels.astype(float).reshape(-1, data.Rows, data.Columns)
    if "PerFrameFunctionalGroupsSequence" in data:
        shared = data.SharedFunctionalGroupsSequence[0]
        for frame, groups in zip(pixels, data.PerFrameFunctionalGroupsSequence, strict=True):

            def group(name: str, groups: Dataset = groups) -> Dataset:
                return (groups if name in groups else shared)[name].value[0]

            scale = group("PixelValueTransformationSequence")
            yield (
                frame * float(scale.RescaleSlope) + float(scale.RescaleIntercept),
                np.array(group("PlanePositionSequence").ImagePositionPatient, float),
                np.array(group("PlaneOrientationSequence").ImageOrientationPatient, float),
                np.array(group("PixelMeasuresSequence").PixelSpacing, float),
            )
        return
    position = np.array(data.get("ImagePositionPatient", (0, 0, 0)), float)
    orientation = np.array(data.get("ImageOrientationPatient", AXIAL), float)
    spacing = np.array(data.get("PixelSpacing", (1, 1)), float)
    (pixels,) = pixels
    yield (
        pixels * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0)),
        position,
        orientation,
        spacing,
    )


def by_pydicom(path: Path, tolerance: float = 0.0) -> Volume:
    """All pixels of a file or folder, at the positions of their tags."""
    values, positions = [], []
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        data = pydicom.dcmread(file, force=True) if file.is_file() else Dataset()
        if not {"PixelData", "FloatPixelData"} & set(data.dir()):
            continue
        for plane, corner, orientation, spacing in planes(data):
            row, column = np.indices(plane.shape).reshape(2, -1, 1)
            place = corner + orientation[:3] * spacing[1] * column + orientation[3:] * spacing[0] * row
            values.append(plane.ravel())
            positions.append(place * (-1, -1, 1))  # DICOM's axes point left and posterior
    return Volume(np.concatenate(values), np.concatenate(positions), tolerance)


def twin(path: Path) -> Volume:
    """What pydicom says of the same series, written without compression."""
    return by_pydicom(path.parent / "twin")


def without_positions(spacing: Sequence[float], stored: np.ndarray = STORED) -> Callable[[Path], Volume]:
    """The slices one above the other from the origin on, in the order of their numbers."""
    affine = np.diag([-spacing[1], -spacing[0], spacing[2], 1])
    return lambda path: Volume.of_grid(stored.transpose(2, 1, 0), affine)


# What makes the inputs special.


def setting(**tags: Any) -> Edit:
    """Sets tags, those that are None are removed; a function is called with the index of the slice."""

    def edit(data: Dataset, index: int) -> None:
        for name, value in tags.items():
            if value is None:
                data.pop(name, None)
            else:
                setattr(data, name, value(index) if callable(value) else value)

    return edit


def deep_bits(data: Dataset, index: int) -> None:
    """Twelve bits of the value, and an overlay in the four above."""
    pixels = np.frombuffer(data.PixelData, "<u2") & 0x0FFF | 0xA000
    data.PixelData = pixels.astype("<u2").tobytes()


def modality_table(data: Dataset, index: int) -> None:
    """A Modality LUT in place of slope and intercept."""
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [1000, 0, 16], "US"
    table.add_new("LUTData", "OW", (np.arange(1000) * 3 + 5).astype("<u2").tobytes())
    data.ModalityLUTSequence = [table]
    del data.RescaleSlope, data.RescaleIntercept, data.RescaleType


def float_pixels(data: Dataset, index: int) -> None:
    values = np.frombuffer(data.PixelData, "<i2").astype("<f4") / 8
    del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
    data.BitsAllocated = 32
    data.add_new("FloatPixelData", "OF", values.tobytes())


def colours(data: Dataset, index: int) -> None:
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.PixelData = data.PixelData * 3


def palette(data: Dataset, index: int) -> None:
    data.PhotometricInterpretation = "PALETTE COLOR"
    for name in ("Red", "Green", "Blue"):
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        data.add_new(f"{name}PaletteColorLookupTableData", "OW", np.arange(256, dtype="<u2").tobytes())


def encoded(syntax: uid.UID, encode: Callable[[Dataset], bytes]) -> Callable[[Dataset, Path], None]:
    """Writes the pixels in a compressed transfer syntax, and the plain slice as a twin."""

    def write(data: Dataset, path: Path) -> None:
        twin = path.parent.parent / "twin"
        twin.mkdir(exist_ok=True)
        _write(data, twin / path.name)
        data.PixelData = encapsulate([encode(data)])
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        data.file_meta.TransferSyntaxUID = syntax
        _write(data, path)

    return write


def as_jpeg2000(data: Dataset) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(data.pixel_array).save(buffer, "JPEG2000", no_jp2=True, irreversible=False)
    return buffer.getvalue()


def as_jpeg(data: Dataset) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(data.pixel_array).save(buffer, "JPEG", quality=100)
    return buffer.getvalue()


def as_lossless_jpeg(data: Dataset) -> bytes:
    return imagecodecs.ljpeg_encode(data.pixel_array, bitspersample=16)


def compressed(syntax: uid.UID) -> Callable[[Dataset, Path], None]:
    """Writes by pydicom's own encoders, and the plain slice as a twin."""

    def write(data: Dataset, path: Path) -> None:
        twin = path.parent.parent / "twin"
        twin.mkdir(exist_ok=True)
        _write(data, twin / path.name)
        data.compress(syntax, generate_instance_uid=False)
        _write(data, path)

    return write


def in_syntax(syntax: uid.UID) -> Callable[[Dataset, Path], None]:
    """Writes uncompressed in another transfer syntax."""

    def write(data: Dataset, path: Path) -> None:
        data.file_meta.TransferSyntaxUID = syntax
        if not syntax.is_little_endian:
            data.PixelData = np.frombuffer(data.PixelData, "<i2").byteswap().tobytes()
        # pydicom wants to be told what the dataset was before.
        data.save_as(
            path, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, enforce_file_format=True
        )

    return write


def without_preamble(data: Dataset, path: Path) -> None:
    meta = data.file_meta
    data.save_as(path, enforce_file_format=True)
    assert meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian
    path.write_bytes(path.read_bytes()[132:])


def cut(data: Dataset, path: Path) -> None:
    _write(data, path)
    path.write_bytes(path.read_bytes()[:-30])


def beside(*writers: Callable[[Path], Any]) -> Callable[[Path], Path]:
    """A plain series with something else in its folder."""

    def make(folder: Path) -> Path:
        path = series(folder)
        for write in writers:
            write(path)
        return path

    return make


def structured_report(folder: Path) -> None:
    data = new(uid.BasicTextSRStorage, "SR", "1.2.3.3")
    data.CompletionFlag = "PARTIAL"
    _write(data, folder / "report.dcm")


def dicomdir(folder: Path) -> None:
    data = new(uid.MediaStorageDirectoryStorage, "", "1.2.3.9")
    data.DirectoryRecordSequence = []
    _write(data, folder / "DICOMDIR")


def localizer(folder: Path) -> None:
    series(folder.parent, STORED[:1], line(SAGITTAL)[:1] + (0, 0, 30), SAGITTAL, name=folder.name + "/localizer")
    (folder / "localizer" / "1.2.3.3_03.dcm").rename(folder / "localizer.dcm")
    (folder / "localizer").rmdir()


def one_more(positions: np.ndarray, number: str = "1.2.3.3", stored: np.ndarray = STORED + 1) -> Callable[[Path], None]:
    """Slices of the same series at other positions, in files of other names."""

    def write(folder: Path) -> None:
        other = series(folder.parent, stored[: len(positions)], positions, name="more", number=number)
        for file in other.iterdir():
            file.rename(folder / f"more_{file.name}")
        other.rmdir()

    return write


def dose(folder: Path) -> Path:
    """A dose, whose frames have offsets instead of positions."""
    data = new(uid.RTDoseStorage, "RTDOSE", "1.2.3.5")
    data.InstanceNumber, data.NumberOfFrames, data.DoseGridScaling = 1, 6, 0.25
    data.ImagePositionPatient, data.ImageOrientationPatient = START.tolist(), list(AXIAL)
    data.PixelSpacing, data.GridFrameOffsetVector = list(SPACING), (np.arange(6) * STEP).tolist()
    data.FrameIncrementPointer = 0x3004000C
    set_pixels(data, STORED + 100, signed=False)
    (folder / "dose").mkdir()
    _write(data, folder / "dose" / "dose.dcm")
    return folder / "dose"


def capture(folder: Path) -> Path:
    """Frames without any position."""
    data = new(uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage, "OT", "1.2.3.6")
    data.InstanceNumber, data.NumberOfFrames = 1, 6
    set_pixels(data, STORED + 100, signed=False)
    (folder / "capture").mkdir()
    _write(data, folder / "capture" / "capture.dcm")
    return folder / "capture"


def empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def texts(folder: Path) -> Path:
    empty(folder)
    (folder / "empty" / "1.dcm").write_text("no image")
    return folder / "empty"


def each(*values: Any) -> Callable[[int], Any]:
    return lambda index: values[index % len(values)]


ROUGH = line() + np.random.default_rng(0).normal(0, 0.002, (6, 3))
UNEVEN = line() + np.array([[0, 0, 4.0 * (index > 3)] for index in range(6)])
TILT = line(shift=(0, 1.3, 0))
UNSIGNED = {"stored": STORED + 100, "signed": False}
BYTES = {"stored": STORED % 251, "bits": 8, "signed": False}

MADE: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    # Where the slices are.
    ("axial", series, by_pydicom, ""),
    ("coronal", partial(series, orientation=CORONAL), by_pydicom, ""),
    ("sagittal", partial(series, orientation=SAGITTAL), by_pydicom, ""),
    ("oblique", partial(series, orientation=OBLIQUE), by_pydicom, ""),
    ("from head to feet", partial(series, positions=line()[::-1]), by_pydicom, ""),
    (
        "instance numbers in no order",
        partial(series, edit=setting(InstanceNumber=each(4, 2, 6, 1, 5, 3))),
        by_pydicom,
        "",
    ),
    ("instance numbers missing", partial(series, edit=setting(InstanceNumber=None)), by_pydicom, ""),
    ("Spacing Between Slices negative", partial(series, edit=setting(SpacingBetweenSlices=-STEP)), by_pydicom, ""),
    ("Spacing Between Slices wrong", partial(series, edit=setting(SpacingBetweenSlices=2)), by_pydicom, ""),
    ("Slice Thickness wrong", partial(series, edit=setting(SliceThickness=1)), by_pydicom, ""),
    ("Slice Thickness missing", partial(series, edit=setting(SliceThickness=None)), by_pydicom, ""),
    ("Slice Location contradicts", partial(series, edit=setting(SliceLocation=each(3, 1, 2))), by_pydicom, ""),
    ("gantry tilt", partial(series, positions=TILT), by_pydicom, "shear|tilt|slant"),
    ("positions rounded", partial(series, positions=ROUGH), by_pydicom, ""),
    ("uneven gap", partial(series, positions=UNEVEN), Refused("apart|spaced"), ""),
    (
        "a slice missing",
        partial(series, stored=STORED[:5], positions=np.delete(line(), 2, axis=0)),
        Refused("apart|spaced"),
        "",
    ),
    ("a slice twice", beside(one_more(line()[2:3])), Refused("apart|twice|same|place"), ""),
    ("two volumes at one place", beside(one_more(line())), Refused("apart|twice|same|place"), ""),
    ("localizer in the series", beside(localizer), Refused("orient|direction"), ""),
    (
        "half of the slices upside down",
        partial(series, orientation=[AXIAL] * 3 + [(-1, 0, 0, 0, -1, 0)] * 3),
        Refused("orient|direction"),
        "",
    ),
    ("two series", beside(one_more(line() + 200, "1.2.3.8")), Refused("2 DICOM series"), ""),
    ("one slice", partial(series, stored=STORED[:1]), by_pydicom, ""),
    ("Pixel Spacing missing", partial(series, edit=setting(PixelSpacing=None)), by_pydicom, "Pixel Spacing|1 mm"),
    (
        "Pixel Spacing differs",
        partial(series, edit=setting(PixelSpacing=each([1.5, 0.75], [1.5, 1.0]))),
        Refused("spacing|Pixel Spacing"),
        "",
    ),
    ("Pixel Spacing zero", partial(series, edit=setting(PixelSpacing=[0, 0])), Refused("."), ""),
    (
        "positions missing",
        partial(series, edit=setting(ImagePositionPatient=None)),
        without_positions((*SPACING, STEP)),
        "no Image Position.*5 mm",
    ),
    (
        "orientation missing",
        partial(series, edit=setting(ImageOrientationPatient=None)),
        by_pydicom,
        "no Image Orientation",
    ),
    ("orientation of zeros", partial(series, edit=setting(ImageOrientationPatient=[0] * 6)), Refused("."), ""),
    # What the values mean.
    ("slope and intercept", partial(series, edit=setting(RescaleSlope=2, RescaleIntercept=-1024)), by_pydicom, ""),
    ("slope a fraction", partial(series, edit=setting(RescaleSlope=0.0123, RescaleIntercept=0.5)), by_pydicom, ""),
    ("slope of each slice", partial(series, edit=setting(RescaleSlope=each(1, 0.37, 12.5))), by_pydicom, ""),
    ("slope large", partial(series, edit=setting(RescaleSlope=4000, RescaleIntercept=1e6)), by_pydicom, ""),
    ("slope missing", partial(series, edit=setting(RescaleSlope=None, RescaleIntercept=None)), by_pydicom, ""),
    ("MONOCHROME1", partial(series, edit=setting(PhotometricInterpretation="MONOCHROME1")), by_pydicom, ""),
    ("unsigned", partial(series, stored=STORED + 60000, signed=False), by_pydicom, ""),
    ("12 bits signed", partial(series, stored=STORED * 2, used=12), by_pydicom, ""),
    (
        "12 bits and an overlay above",
        partial(series, stored=STORED + 100, used=12, signed=False, edit=deep_bits),
        by_pydicom,
        "Bits Stored",
    ),
    ("8 bits", partial(series, **BYTES), by_pydicom, ""),
    ("32 bits", partial(series, stored=STORED * 100_000, bits=32), by_pydicom, ""),
    ("float pixels", partial(series, edit=float_pixels), by_pydicom, ""),
    ("Modality LUT", partial(series, **UNSIGNED, edit=modality_table), by_pydicom, ""),
    ("colours", partial(series, **BYTES, edit=colours), Refused("colour|channels"), ""),
    ("palette", partial(series, **BYTES, edit=palette), Refused("colour|palette"), ""),
    ("slices of two sizes", beside(one_more(line() + (0, 0, 30), stored=STORED[:, :, :3])), Refused("size|rows|x"), ""),
    # How they are written.
    ("RLE", partial(series, **UNSIGNED, write=compressed(uid.RLELossless)), twin, ""),
    ("JPEG lossless", partial(series, **UNSIGNED, write=encoded(uid.JPEGLossless, as_lossless_jpeg)), twin, ""),
    ("JPEG of 8 bits", partial(series, **BYTES, write=encoded(uid.JPEGBaseline8Bit, as_jpeg)), by_pydicom, ""),
    ("JPEG 2000", partial(series, **UNSIGNED, write=encoded(uid.JPEG2000Lossless, as_jpeg2000)), twin, ""),
    ("JPEG-LS", partial(series, **UNSIGNED, write=compressed(uid.JPEGLSLossless)), twin, ""),
    ("big-endian", partial(series, write=in_syntax(uid.ExplicitVRBigEndian)), by_pydicom, ""),
    ("implicit", partial(series, write=in_syntax(uid.ImplicitVRLittleEndian)), by_pydicom, ""),
    ("deflated", partial(series, write=in_syntax(uid.DeflatedExplicitVRLittleEndian)), by_pydicom, ""),
    ("no preamble", partial(series, write=without_preamble), by_pydicom, ""),
    ("cut short", partial(series, write=cut), Refused("."), ""),
    ("beside a report", beside(structured_report), by_pydicom, ""),
    ("beside a DICOMDIR", beside(dicomdir), by_pydicom, ""),
    ("empty folder", empty, Refused("holds no"), ""),
    ("texts named .dcm", texts, Refused("1.dcm"), ""),
    # Several frames in a file.
    ("enhanced", enhanced, by_pydicom, ""),
    ("enhanced oblique", partial(enhanced, orientation=OBLIQUE), by_pydicom, ""),
    ("enhanced interleaved", partial(enhanced, order=(0, 2, 4, 1, 3, 5)), by_pydicom, ""),
    ("enhanced from head to feet", partial(enhanced, order=range(5, -1, -1)), by_pydicom, ""),
    ("enhanced, slope of each frame", partial(enhanced, slopes=[1, 0.5, 2.25, 3, 0.1, 7]), by_pydicom, ""),
    ("enhanced, gantry tilt", partial(enhanced, positions=TILT), by_pydicom, "shear|tilt|slant"),
    ("enhanced, uneven gap", partial(enhanced, positions=UNEVEN), Refused("apart|spaced"), ""),
    ("enhanced, two volumes", partial(enhanced, positions=np.repeat(line()[:3], 2, axis=0)), Refused("."), ""),
    ("enhanced, two orientations", partial(enhanced, orientation=[AXIAL] * 3 + [CORONAL] * 3), Refused("."), ""),
    ("enhanced, one frame", partial(enhanced, stored=STORED[:1]), by_pydicom, ""),
    ("dose", dose, Refused("Dose"), ""),
    ("frames without positions", capture, without_positions((1, 1, 1), STORED + 100), "no Image Position"),
]

ROWS = [Row("DICOM", *row) for row in MADE]
