"""DICOM Segmentations of unusual sources refer to the slices that their pixels belong to, or are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageCms, ImageColor
from pydicom.dataset import FileDataset

from monai_lwmisn.errors import DataError
from monai_lwmisn.light.colours import class_colour
from monai_lwmisn.light.dicom_references import MAY_BE_EMPTY
from monai_lwmisn.light.dicom_segmentation import Maker, dicom_segmentation, save_dicom
from monai_lwmisn.light.volumes import read_volume
from tests.inference.dicom import SPACING, enhanced, group, series, write
from tests.light.dicom_checks import errors_of_the_standard

pytest.importorskip("highdicom")
PIXELS = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
TILTED = (1, 0, 0, 0, np.cos(0.3), -np.sin(0.3))
ORDER = [2, 0, 3, 1]
LIVER = {"1": "liver"}


def segmentation(
    source: Path,
    output: Path,
    label_names: dict[str, str] = LIVER,
    labels: Callable[[np.ndarray], np.ndarray] = lambda voxels: voxels % 2,
    maker: Maker | None = None,
) -> pydicom.Dataset:
    """The segmentation of the voxels whose value is odd, or of other labels."""
    voxels, affine = read_volume(source)
    made = dicom_segmentation(labels(voxels).astype(np.uint8), affine, source, label_names, maker=maker)
    save_dicom(output, made)
    assert errors_of_the_standard(output) == []
    return pydicom.dcmread(output)


def assert_on_its_slices(written: pydicom.Dataset, files: list[FileDataset]) -> None:
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


def test_frames_that_have_orientation_and_spacing_each_for_itself(tmp_path: Path) -> None:
    files = series(PIXELS)
    source = enhanced(files)
    (shared,) = source.SharedFunctionalGroupsSequence
    for frame in source.PerFrameFunctionalGroupsSequence:
        frame.PlaneOrientationSequence = shared.PlaneOrientationSequence
        frame.PixelMeasuresSequence = shared.PixelMeasuresSequence
    source.SharedFunctionalGroupsSequence = [group()]
    written = segmentation(write([source], tmp_path / "a"), tmp_path / "seg.dcm")
    assert_on_its_slices(written, files)
    (measures,) = written.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert [float(length) for length in measures.PixelSpacing] == [SPACING[1], SPACING[0]]


def test_what_one_file_says_of_all_its_frames(tmp_path: Path) -> None:
    files = series(PIXELS)
    source = enhanced(files)
    source.SOPClassUID = source.file_meta.MediaStorageSOPClassUID = pydicom.uid.NuclearMedicineImageStorage
    del source.SharedFunctionalGroupsSequence, source.PerFrameFunctionalGroupsSequence
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        setattr(source, keyword, files[0][keyword].value)
    source.SpacingBetweenSlices = SPACING[2]
    assert_on_its_slices(segmentation(write([source], tmp_path / "a"), tmp_path / "seg.dcm"), files)


def test_tags_that_say_nothing_of_the_place_are_not_taken(tmp_path: Path) -> None:
    files = series(PIXELS)
    for index, file in enumerate(files):
        file.SpacingBetweenSlices = -5
        file.ImageOrientationPatient = [1, 0, 0, 0, 1, index * 1e-7]  # as another program may round it
        del file.SliceThickness
    written = segmentation(write(files, tmp_path / "a"), tmp_path / "seg.dcm")
    assert_on_its_slices(written, files)
    (measures,) = written.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert float(measures.SpacingBetweenSlices) == float(measures.SliceThickness) == SPACING[2]


def test_an_anonymised_series_lacks_what_may_be_empty(tmp_path: Path) -> None:
    files = series(PIXELS)
    for file in files:
        for keyword in MAY_BE_EMPTY:
            delattr(file, keyword)
    written = segmentation(write(files, tmp_path / "a"), tmp_path / "seg.dcm")
    assert [str(written[keyword].value or "") for keyword in MAY_BE_EMPTY] == [""] * len(MAY_BE_EMPTY)


def test_classes_have_their_codes_and_colours(tmp_path: Path) -> None:
    folder = write(series(PIXELS), tmp_path / "a")
    names = {"2": "Kidneys", "1": "liver", "3": "neoplasm", "4": "anterior hippocampus"}
    written = segmentation(folder, tmp_path / "seg.dcm", names, lambda voxels: voxels % 5)
    found = [
        (
            segment.SegmentNumber,
            segment.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning,
            segment.SegmentedPropertyTypeCodeSequence[0].CodeValue,
        )
        for segment in written.SegmentSequence
    ]
    assert found == [
        (1, "Anatomical Structure", "10200004"),
        (2, "Anatomical Structure", "64033007"),
        (3, "Morphologically Abnormal Structure", "108369006"),
        (4, "Tissue", "85756007"),
    ]
    to_screen = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    for segment in written.SegmentSequence:
        light, red, yellow = (value / 65535 * 255 for value in segment.RecommendedDisplayCIELabValue)
        # Of 8 bits, LittleCMS has the two colours with a sign.
        pixel = Image.frombytes("LAB", (1, 1), bytes([round(light), *(round(one) ^ 128 for one in (red, yellow))]))
        shown = ImageCms.applyTransform(pixel, to_screen).getpixel((0, 0))
        np.testing.assert_allclose(
            shown, ImageColor.getrgb(class_colour(segment.SegmentNumber)), atol=25
        )  # of 8 bits, and at the edge of what a screen shows


@pytest.mark.parametrize("share", [0, 1])
def test_a_class_that_nothing_was_found_of_is_described(tmp_path: Path, share: int) -> None:
    folder = write(series(PIXELS), tmp_path / "a")
    names = {**LIVER, "2": "spleen"}
    written = segmentation(folder, tmp_path / "seg.dcm", names, lambda voxels: voxels % 2 * share)
    assert [segment.SegmentLabel for segment in written.SegmentSequence] == ["liver", "spleen"]
    numbers = [
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for frame in written.PerFrameFunctionalGroupsSequence
    ]
    of_spleen = written.pixel_array[np.array(numbers) == 2]
    assert not of_spleen.any() and written.pixel_array.any() == bool(share)


def test_names_of_any_letters_and_length(tmp_path: Path) -> None:
    files = series(PIXELS)
    for file in files:
        file.SpecificCharacterSet, file.PatientName = "ISO_IR 100", "Müller^Jürgen"
    folder = write(files, tmp_path / "a")
    maker = Maker("A\\B " + "long " * 20, "1.2.3")
    written = segmentation(folder, tmp_path / "seg.dcm", {"1": "Läsion 肝臓"}, maker=maker)
    (segment,) = written.SegmentSequence
    assert segment.SegmentLabel == "Läsion 肝臓" and str(written.PatientName) == "Müller^Jürgen"
    assert written.ManufacturerModelName.startswith("A/B long") and len(written.SeriesDescription) <= 64
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmVersion == "1.2.3"


def each(**tags: Any) -> Callable[[list[FileDataset]], None]:
    """Sets tags of every file; None removes one."""

    def edit(files: list[FileDataset]) -> None:
        for file in files:
            for keyword, value in tags.items():
                if value is None:
                    delattr(file, keyword)
                else:
                    setattr(file, keyword, value)

    return edit


def last(**tags: Any) -> Callable[[list[FileDataset]], None]:
    return lambda files: each(**tags)(files[-1:])


REFUSED = {
    "frame of reference": (last(FrameOfReferenceUID=None), r"24.dcm has no Frame of Reference UID, which"),
    "sex": (last(PatientSex="X"), r"24.dcm has 'X' in Patient's Sex, which DICOM does not allow"),
    "birth": (last(PatientBirthDate="1990-01-02"), r"24.dcm has '1990-01-02' in Patient's Birth Date"),
    "time": (last(StudyTime="noon"), r"24.dcm has 'noon' in Study Time"),
    "twice": (each(SOPInstanceUID="1.2.3"), r"03.dcm and .*10.dcm have the same SOP Instance UID"),
    "position": (each(ImagePositionPatient=None), r"a has no Image Position, so that the place"),
    "spacing": (each(PixelSpacing=None, ImageOrientationPatient=None), r"a has no Image Orientation and no Pixel"),
    "kind": (each(SOPClassUID="1.2.3.4"), r"a has tags that a DICOM Segmentation cannot be made of"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_source_that_cannot_be_referred_to_is_refused_with_its_file(tmp_path: Path, kind: str) -> None:
    edit, sentence = REFUSED[kind]
    files = series(PIXELS)
    with pydicom.config.disable_value_validation():
        edit(files)
        folder = write(files, tmp_path / "a")
    with pytest.raises(DataError, match=sentence) as caught:
        segmentation(folder, tmp_path / "seg.dcm")
    assert str(caught.value).endswith("write the mask in another format.") and "\n" not in str(caught.value)
    assert not (tmp_path / "seg.dcm").exists()


def test_frames_in_several_files_are_refused(tmp_path: Path) -> None:
    files = series(PIXELS)
    halves = [enhanced(files[:2]), enhanced(files[2:])]
    with pytest.raises(DataError, match="has its frames in 2 files, of which a DICOM Segmentation takes one"):
        segmentation(write(halves, tmp_path / "a"), tmp_path / "seg.dcm")


def test_labels_of_another_volume_are_refused(tmp_path: Path) -> None:
    folder = write(series(PIXELS), tmp_path / "a")
    voxels, affine = read_volume(folder)
    affine[2, 2] *= -1
    with pytest.raises(DataError, match="are not where their volume has them"):
        dicom_segmentation(voxels.astype(np.uint8), affine, folder, LIVER)
