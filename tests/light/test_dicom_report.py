"""A structured report has the volumes of the classes, and refers to what they were measured on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from monai_lwmisn.errors import DataError
from monai_lwmisn.light.dicom_report import measurement_report
from monai_lwmisn.light.dicom_segmentation import Maker
from monai_lwmisn.light.masks import MaskFolder, Prediction
from monai_lwmisn.light.volumes import read_volume
from tests.inference.dicom import SPACING, enhanced, series, write
from tests.light.dicom_checks import errors_of_the_standard

highdicom = pytest.importorskip("highdicom")
PIXELS = np.random.default_rng(0).integers(0, 3, (4, 5, 6)).astype(np.int16)
NAMES = {"1": "liver", "2": "tumour", "3": "spleen"}


@pytest.fixture
def folder(tmp_path: Path) -> MaskFolder:
    """The masks of the series ``in/a``, with reports."""
    write(series(PIXELS), tmp_path / "in" / "a")
    return made_folder(tmp_path)


def made_folder(tmp_path: Path) -> MaskFolder:
    image = {"image": str(tmp_path / "in" / "a")}
    folder = MaskFolder(tmp_path / "out", [image], NAMES, ".dcm", volumetric=True, structured_report=True)
    folder.maker = Maker("Liver in CT", "0.3.0")
    return folder


def written(folder: MaskFolder) -> tuple[Path, Path]:
    """The report and the segmentation of the series."""
    source = folder.output_dir.parent / "in" / "a"
    voxels, affine = read_volume(source)
    report, segmentation = folder.write(source, Prediction(voxels.astype(np.uint8), affine=affine))
    assert (report.name, segmentation.name) == ("a_report.dcm", "a_seg.dcm")
    return report, segmentation


def volume_of(value: int) -> float:
    """In ml, of the voxels of a value."""
    return float(np.count_nonzero(value == PIXELS) * np.prod(SPACING) / 1000)


def items(node: Dataset, code: str) -> Iterator[Dataset]:
    """The items of a report's tree whose name has the code."""
    for item in node.get("ContentSequence", []):
        if item.ConceptNameCodeSequence[0].CodeValue == code:
            yield item
        yield from items(item, code)


@pytest.mark.parametrize("is_enhanced", [False, True])
def test_volumes_units_and_references(tmp_path: Path, is_enhanced: bool) -> None:
    files = series(PIXELS)
    files = [enhanced(files)] if is_enhanced else files
    write(files, tmp_path / "in" / "a")
    report, segmentation = map(pydicom.dcmread, written(made_folder(tmp_path)))
    assert errors_of_the_standard(tmp_path / "out" / "a_report.dcm") == []
    assert (report.Modality, report.ContentTemplateSequence[0].TemplateIdentifier) == ("SR", "1500")
    assert (report.PatientID, report.StudyInstanceUID) == (files[0].PatientID, files[0].StudyInstanceUID)
    groups = list(items(report, "125007"))
    assert len(groups) == 3
    for value, group in enumerate(groups, start=1):
        (volume,) = items(group, "118565006")
        measured = volume.MeasuredValueSequence[0]
        expected = volume_of(value)
        assert float(measured.NumericValue) == float(f"{expected:.6g}") and (expected > 0) == (value < 3)
        unit = measured.MeasurementUnitsCodeSequence[0]
        assert (unit.CodeValue, unit.CodingSchemeDesignator) == ("ml", "UCUM")
        (segment,) = items(group, "121191")
        assert segment.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        assert segment.ReferencedSOPSequence[0].ReferencedSegmentNumber == value
        described = segmentation.SegmentSequence[value - 1]
        assert next(items(group, "112039")).TextValue == described.SegmentLabel == NAMES[str(value)]
        assert described.TrackingUID == next(items(group, "112040")).UID
        assert files[0].SeriesInstanceUID == next(items(group, "121232")).UID
        algorithm = [next(items(group, code)).TextValue for code in ("111001", "111003")]
        assert algorithm == ["Liver in CT", "0.3.0"]
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    evidence = {one.ReferencedSOPInstanceUID for group in study.ReferencedSeriesSequence for one in group[0x00081199]}
    assert evidence == {segmentation.SOPInstanceUID, *(file.SOPInstanceUID for file in files)}
    assert next(items(report, "121005")).ConceptCodeSequence[0].CodeMeaning == "Device"


def test_another_reader_of_the_template_finds_the_volumes(folder: MaskFolder) -> None:
    report = highdicom.sr.srread(written(folder)[0])
    groups = report.content.get_volumetric_roi_measurement_groups()
    found = [measurement.value for group in groups for measurement in group.get_measurements()]
    assert found == pytest.approx([volume_of(value) for value in (1, 2, 3)])


def test_volumes_have_the_digits_of_the_table(folder: MaskFolder) -> None:
    segmentation = pydicom.dcmread(written(folder)[1])
    report = measurement_report(segmentation, {1: 6419.31438446045, 2: 0.000123456789}, Maker())
    found = [item.MeasuredValueSequence[0].NumericValue for item in items(report, "118565006")]
    assert [float(value) for value in found] == [6419.31, 0.000123457, 0]


def test_a_later_call_replaces_a_report_but_not_another_object(folder: MaskFolder) -> None:
    first = pydicom.dcmread(written(folder)[0])
    file, _ = written(folder)
    second = pydicom.dcmread(file)
    assert first.SOPInstanceUID != second.SOPInstanceUID
    next(items(second, "118565006")).MeasuredValueSequence[0].NumericValue = 1
    second.save_as(file)
    with pytest.raises(DataError, match="a_report.dcm is no mask of an earlier call, or was changed since"):
        written(folder)
    assert next(items(pydicom.dcmread(file), "118565006")).MeasuredValueSequence[0].NumericValue == 1
