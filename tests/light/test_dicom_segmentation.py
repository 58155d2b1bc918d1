"""DICOM Segmentations of unusual sources refer to the slices that their pixels belong to, or are refused."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from monai_lwmisn.errors import DataError
from monai_lwmisn.light.dicom_segmentation import write_dicom_segmentation
from monai_lwmisn.light.volumes import read_volume
from tests.inference.dicom import enhanced, series, write

highdicom = pytest.importorskip("highdicom")
PIXELS = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
TILTED = (1, 0, 0, 0, np.cos(0.3), -np.sin(0.3))
ORDER = [2, 0, 3, 1]


def segmentation(source: Path, output: Path) -> pydicom.Dataset:
    """The segmentation of the voxels whose value is odd."""
    voxels, affine = read_volume(source)
    write_dicom_segmentation(output, (voxels % 2).astype(np.uint8), affine, source, {"1": "liver"})
    return pydicom.dcmread(output)


def assert_on_its_slices(written: pydicom.Dataset, files: list[pydicom.Dataset]) -> None:
    by_place = {tuple(map(float, file.ImagePositionPatient)): file.pixel_array % 2 for file in files}
    masks = written.pixel_array
    assert len(masks) == len(files)
    for frame, mask in zip(written.PerFrameFunctionalGroupsSequence, masks, strict=True):
        place = tuple(map(float, frame.PlanePositionSequence[0].ImagePositionPatient))
        np.testing.assert_array_equal(mask, by_place[place])


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), TILTED])
def test_a_series_with_or_without_a_tilt(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    files = series(PIXELS, orientation=orientation)
    written = segmentation(write(files, tmp_path / "a"), tmp_path / "seg.dcm")
    assert_on_its_slices(written, files)


def test_frames_in_any_order(tmp_path: Path) -> None:
    files = series(PIXELS)
    source = enhanced([files[index] for index in ORDER])
    source.AcquisitionDateTime, source.SeriesTime = "20200101", ""
    folder = write([source], tmp_path / "a")
    written = segmentation(folder, tmp_path / "seg.dcm")
    assert_on_its_slices(written, files)
    again = segmentation(next(folder.iterdir()), tmp_path / "again.dcm")
    np.testing.assert_array_equal(again.pixel_array, written.pixel_array)


def test_a_source_that_lacks_what_is_needed_is_refused_in_words(tmp_path: Path) -> None:
    files = series(PIXELS)
    for file in files:
        del file.PatientBirthDate
    with pytest.raises(DataError, match="lacks what a DICOM Segmentation needs .no PatientBirthDate.: use another"):
        segmentation(write(files, tmp_path / "a"), tmp_path / "seg.dcm")
    assert not (tmp_path / "seg.dcm").exists()


def test_labels_of_another_volume_are_refused(tmp_path: Path) -> None:
    folder = write(series(PIXELS), tmp_path / "a")
    voxels, affine = read_volume(folder)
    affine[2, 2] *= -1
    with pytest.raises(DataError, match="are not where their volume has them"):
        write_dicom_segmentation(tmp_path / "seg.dcm", voxels.astype(np.uint8), affine, folder, {"1": "liver"})
