"""DICOM files made in tests, and where their tags say that each voxel lies."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid

SPACING = (0.7, 0.8, 3.0)
"""In x, y and z, mm."""
ORIGIN = (-20.0, 15.0, 100.0)
AXIAL = (1.0, 0, 0, 0, 1, 0)


def picture(pixels: np.ndarray, kind: UID = CTImageStorage, syntax: UID = ExplicitVRLittleEndian) -> FileDataset:
    """A file with pixels (row, column) or (frame, row, column) of whole numbers."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, generate_uid()
    meta.TransferSyntaxUID = syntax
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    file.PatientName, file.PatientID, file.PatientBirthDate, file.PatientSex = "Phantom", "1", "", ""
    file.StudyID, file.StudyDate, file.StudyTime, file.AccessionNumber = "", "20200101", "000000", ""
    file.ReferringPhysicianName, file.Manufacturer, file.Modality = "", "", "CT"
    file.SeriesNumber, file.SeriesDate = 1, "20200101"
    file.Rows, file.Columns = pixels.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * pixels.dtype.itemsize
    file.BitsAllocated, file.BitsStored, file.HighBit = bits, bits, bits - 1
    file.PixelRepresentation = int(pixels.dtype.kind == "i")
    file.PixelData = np.ascontiguousarray(pixels).tobytes()
    file["PixelData"].VR = "OB" if bits == 8 else "OW"
    return file


def series(
    pixels: np.ndarray,
    positions: Sequence[Sequence[float]] | np.ndarray | None = None,
    orientation: Sequence[float] | np.ndarray = AXIAL,
) -> list[FileDataset]:
    """The files of a series of slices (slice, row, column)."""
    uids = [generate_uid() for _ in range(3)]
    if positions is None:
        positions = [(*ORIGIN[:2], ORIGIN[2] + SPACING[2] * index) for index in range(len(pixels))]
    files = []
    for index, position in enumerate(positions):
        file = picture(pixels[index])
        file.StudyInstanceUID, file.SeriesInstanceUID, file.FrameOfReferenceUID = uids
        file.InstanceNumber = index + 1
        file.ImagePositionPatient = [float(f"{value:.12g}") for value in position]
        file.ImageOrientationPatient = [float(f"{value:.12g}") for value in np.ravel(orientation)]
        file.PixelSpacing, file.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
        file.RescaleSlope, file.RescaleIntercept = 1, 0
        files.append(file)
    return files


def enhanced(files: Sequence[FileDataset]) -> FileDataset:
    """One multi-frame file with the slices of a series as frames."""
    merged = picture(np.stack([file.pixel_array for file in files]), EnhancedMRImageStorage)
    first = files[0]
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "InstanceNumber"):
        setattr(merged, keyword, getattr(first, keyword))
    merged.Modality, merged.NumberOfFrames = "MR", len(files)
    merged.ContentDate, merged.ContentTime = "20200101", "000000"
    merged.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    turns = [{"ImageOrientationPatient": file.ImageOrientationPatient} for file in files]
    is_shared = all(turn == turns[0] for turn in turns)
    merged.SharedFunctionalGroupsSequence = [
        group(
            PixelMeasuresSequence={"PixelSpacing": first.PixelSpacing, "SliceThickness": first.SliceThickness},
            **({"PlaneOrientationSequence": turns[0]} if is_shared else {}),
        )
    ]
    merged.PerFrameFunctionalGroupsSequence = [
        group(
            PlanePositionSequence={"ImagePositionPatient": file.ImagePositionPatient},
            **({} if is_shared else {"PlaneOrientationSequence": turns[index]}),
            PixelValueTransformationSequence={
                "RescaleSlope": file.RescaleSlope,
                "RescaleIntercept": file.RescaleIntercept,
                "RescaleType": "US",
            },
            FrameContentSequence={"StackID": "1", "InStackPositionNumber": index + 1, "DimensionIndexValues": [1]},
        )
        for index, file in enumerate(files)
    ]
    return merged


def group(**sequences: dict[str, Any]) -> Dataset:
    """Functional groups with one item each."""
    found = Dataset()
    for name, values in sequences.items():
        item = Dataset()
        for keyword, value in values.items():
            setattr(item, keyword, value)
        setattr(found, name, [item])
    return found


def write(files: Sequence[FileDataset], folder: Path) -> Path:
    """Write files whose names say nothing of their order."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, file in enumerate(files):
        # Multiplied around a prime, so that names are in another order than slices.
        file.save_as(folder / f"{(index * 7 + 3) % 31:02d}.dcm", enforce_file_format=True)
    return folder


def write_series(voxels: np.ndarray, folder: Path, positions: np.ndarray | None = None, study: str = "") -> str:
    """Write int16 voxels (x, y, z) as axial slices.

    Returns:
        The series' UID.
    """
    places = None if positions is None else [(*ORIGIN[:2], float(position)) for position in positions]
    files = series(voxels.transpose(2, 1, 0), places)
    for file in files:
        file.StudyInstanceUID = study or file.StudyInstanceUID
    write(files, folder)
    return str(files[0].SeriesInstanceUID)


def assert_voxels_lie_where_tags_say(files: Sequence[FileDataset], voxels: np.ndarray, affine: np.ndarray) -> None:
    """Compare every voxel of a volume with the file that it comes from, by PS3.3, C.7.6.2.1.1 and C.11.1.1.2."""
    assert voxels.shape == (files[0].Columns, files[0].Rows, len(files))
    inverse = np.linalg.inv(affine)
    for file in files:
        rows, columns = np.mgrid[: file.Rows, : file.Columns]
        along = np.array(file.ImageOrientationPatient[:3], dtype=float) * float(file.PixelSpacing[1])
        down = np.array(file.ImageOrientationPatient[3:], dtype=float) * float(file.PixelSpacing[0])
        places = np.array(file.ImagePositionPatient, dtype=float) + columns[..., None] * along + rows[..., None] * down
        ras = places * [-1, -1, 1]
        index = ras @ inverse[:3, :3].T + inverse[:3, 3]
        assert np.abs(index - index.round()).max() < 0.1
        found = voxels[tuple(index.round().astype(int).reshape(-1, 3).T)].reshape(rows.shape)
        values = file.pixel_array * float(file.RescaleSlope) + float(file.RescaleIntercept)
        np.testing.assert_allclose(found, values, rtol=1e-6)


Edit = Callable[[list[FileDataset]], Any]
"""Changes the files of a series."""
