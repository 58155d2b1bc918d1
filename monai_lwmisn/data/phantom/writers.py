"""Writes phantoms in the raw formats of the Data Science Bowl, CHAOS CT and PROMISE12."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from monai.utils import optional_import
from PIL import Image

pydicom, _ = optional_import("pydicom")
SimpleITK, _ = optional_import("SimpleITK")

CT_SPACING = (1.5, 1.5, 3.0)
CT_ORIGIN = (-100.0, -120.0, 50.0)
MR_SPACING = (0.9, 0.9, 3.2)


def write_nuclei(folder: Path, case: str, picture: np.ndarray, instances: np.ndarray) -> None:
    """Write one image in the format of the Data Science Bowl: ``ID/images/ID.png`` (RGBA) and one mask per nucleus.

    Args:
        folder: root of the data set.
        case: the ID.
        picture: (height, width, 3), uint8.
        instances: (height, width), 0 outside.
    """
    images = folder / "stage1_train" / case / "images"
    masks = folder / "stage1_train" / case / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    Image.fromarray(picture).convert("RGBA").save(images / f"{case}.png")
    for number in range(1, int(instances.max()) + 1):
        mask = np.where(instances == number, 255, 0).astype(np.uint8)
        Image.fromarray(mask).save(masks / f"{case}_{number:03d}.png")


def write_ct(folder: Path, case: str, volume: np.ndarray, label: np.ndarray) -> None:
    """Write one case in the format of CHAOS CT: a DICOM series with geometry and one PNG mask per slice.

    As in CHAOS, ``SliceThickness`` is not the distance of the slices. ``ImagePositionPatient`` gives the distance.

    Args:
        folder: root of the data set.
        case: the patient's ID.
        volume: Hounsfield units (x, y, z) towards left, back and head, int16.
        label: 0/1, like the volume.
    """
    series = folder / "Train_Sets" / "CT" / case / "DICOM_anon"
    ground = folder / "Train_Sets" / "CT" / case / "Ground"
    series.mkdir(parents=True)
    ground.mkdir()
    seeds = [case]
    study_uid, series_uid, frame_uid = (
        pydicom.uid.generate_uid(entropy_srcs=[*seeds, kind]) for kind in ("study", "series", "frame")
    )
    for index in range(volume.shape[2]):
        uid = pydicom.uid.generate_uid(entropy_srcs=[*seeds, str(index)])
        dataset = pydicom.dataset.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.SOPClassUID, dataset.SOPInstanceUID = pydicom.uid.CTImageStorage, uid
        dataset.Modality, dataset.PatientID, dataset.PatientName = "CT", case, "Phantom"
        dataset.PatientBirthDate, dataset.PatientSex = "", ""
        dataset.StudyDate, dataset.StudyTime, dataset.StudyID, dataset.AccessionNumber = "", "", "", ""
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
        dataset.FrameOfReferenceUID = frame_uid
        dataset.InstanceNumber = index + 1
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [*CT_ORIGIN[:2], CT_ORIGIN[2] + index * CT_SPACING[2]]
        dataset.PixelSpacing = [CT_SPACING[1], CT_SPACING[0]]
        dataset.SliceThickness = 2 * CT_SPACING[2]
        dataset.Rows, dataset.Columns = volume.shape[1], volume.shape[0]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.PixelData = (volume[:, :, index].T + 1024).astype("<u2").tobytes()
        dataset.save_as(series / f"i{index:04d},0000b.dcm", enforce_file_format=True)
        Image.fromarray(255 * label[:, :, index].T).save(ground / f"liver_GT_{index:03d}.png")


def write_mr(folder: Path, case: str, volume: np.ndarray, label: np.ndarray) -> None:
    """Write one case in the format of PROMISE12: ``CaseNN.mhd`` and ``CaseNN_segmentation.mhd``, compressed.

    Args:
        folder: root of the data set.
        case: the case's name.
        volume: intensities (x, y, z) towards left, back and head, int16.
        label: 0/1, like the volume.
    """
    for name, array in ((case, volume), (f"{case}_segmentation", label)):
        image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
        image.SetSpacing(MR_SPACING)
        SimpleITK.WriteImage(image, str(folder / f"{name}.mhd"), True)
