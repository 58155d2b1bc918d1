"""DICOM series made in tests."""

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SPACING = (0.7, 0.8, 3.0)
"""In x, y and z, mm."""
ORIGIN = (-20.0, 15.0, 100.0)


def write_series(voxels: np.ndarray, folder: Path, positions: np.ndarray | None = None, study: str = "") -> str:
    """Write int16 voxels (x, y, z) as axial slices in files whose names say nothing of their order.

    Returns:
        The series' UID.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid, frame, study = generate_uid(), generate_uid(), study or generate_uid()
    positions = ORIGIN[2] + SPACING[2] * np.arange(voxels.shape[2]) if positions is None else positions
    for index, position in enumerate(positions):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        file.SOPClassUID, file.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        file.StudyInstanceUID, file.SeriesInstanceUID, file.FrameOfReferenceUID = study, uid, frame
        file.PatientName, file.PatientID, file.PatientBirthDate, file.PatientSex = "Phantom", "1", "", ""
        file.StudyID, file.StudyDate, file.StudyTime, file.AccessionNumber = "", "20200101", "000000", ""
        file.ReferringPhysicianName, file.Manufacturer, file.Modality = "", "", "CT"
        file.SeriesNumber, file.InstanceNumber, file.SeriesDate = 1, index + 1, "20200101"
        file.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], float(position)]
        file.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        file.PixelSpacing, file.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
        file.Rows, file.Columns = voxels.shape[1], voxels.shape[0]
        file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
        file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 1
        file.RescaleSlope, file.RescaleIntercept = 1, 0
        file.PixelData = np.ascontiguousarray(voxels[:, :, index].T).tobytes()
        # Multiplied around a prime, so that names are in another order than slices.
        file.save_as(folder / f"{(index * 7 + 3) % 31:02d}.dcm", enforce_file_format=True)
    return uid
