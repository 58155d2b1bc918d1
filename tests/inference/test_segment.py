"""`lwmisn segment` as a function: each input for itself, whatever becomes of the others."""

import csv
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import itk
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import torch
from PIL import Image
from torch.export import Dim

from monai_lwmisn.errors import CheckpointError, ConfigError, DataError, GenotypeError, LWMISNError
from monai_lwmisn.inference import runtimes
from monai_lwmisn.inference.segment import Outcome, segment
from monai_lwmisn.networks import LWMISN, Genotype
from tests.inference.dicom import ORIGIN, SPACING, write_series
from tests.inference.volumes import AFFINE, save, volume


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    save(volume(), AFFINE, tmp_path / "in/good.nii.gz")
    return tmp_path / "in/good.nii.gz"


def mask_of(outcome: Outcome) -> np.ndarray:
    assert outcome.error is None
    return nibabel.load(outcome.masks[0]).get_fdata()


def one(bundle: Path, image: Path, output: Path, **options: Any) -> Outcome:
    (outcome,) = segment(bundle, [image], output, **options)
    return outcome


def files_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def int16(seed: int = 0, shape: tuple[int, ...] = (21, 17, 6)) -> np.ndarray:
    return volume(seed, shape).astype(np.int16)


def test_a_mask_for_each_input_with_progress_and_report(bundle: Path, image: Path, tmp_path: Path) -> None:
    save(volume(1), AFFINE, tmp_path / "in/other.nii")
    said: list[Any] = []
    outcomes = segment(
        bundle, [tmp_path / "in"], tmp_path / "out", progress=lambda *now: said.append(now), report=said.append
    )
    assert files_in(tmp_path / "out") == ["good_seg.nii.gz", "other_seg.nii.gz"]
    assert said == [(6, 6), outcomes[0], (6, 6), outcomes[1]]
    assert not np.array_equal(mask_of(outcomes[0]), mask_of(outcomes[1]))
    assert 0 < mask_of(outcomes[0]).mean() < 1


BAD = {
    "colours": (lambda path: save_colours(path), "has colours instead of values"),
    "series": (lambda path: save(volume(0, (5, 5, 3, 4)), AFFINE, path), "has 4 channels (or time points)"),
    "truncated": (lambda path: truncate(path), "cannot be read"),
    "nan": (lambda path: save(np.full((5, 5, 2), np.nan), AFFINE, path), "voxels that are NaN or infinite"),
    "text": (lambda path: path.write_text("nothing"), "cannot be read"),
    "flat": (lambda path: save(volume(0, (5, 5)), AFFINE, path), "has 2 axes instead of 3"),
    "missing": (lambda path: None, "does not exist"),
}


def save_colours(path: Path) -> None:
    data = np.zeros((5, 5, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(data, AFFINE), path)


def truncate(path: Path) -> None:
    save(volume(), AFFINE, path)
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_input_gets_a_sentence_and_the_others_a_mask(
    bundle: Path, image: Path, tmp_path: Path, kind: str
) -> None:
    make, sentence = BAD[kind]
    bad, last = tmp_path / "in/bad.nii.gz", tmp_path / "in/last.nii.gz"
    make(bad)
    save(volume(2), AFFINE, last)
    outcomes = segment(bundle, [image, bad, last], tmp_path / "out")
    assert [outcome.image for outcome in outcomes] == [image, bad, last]
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    error = outcomes[1].error or ""
    assert sentence in error and str(bad) in error and "\n" not in error
    assert files_in(tmp_path / "out") == ["good_seg.nii.gz", "last_seg.nii.gz"]
    # What comes after a failure is what it is without one.
    np.testing.assert_array_equal(mask_of(outcomes[2]), mask_of(one(bundle, last, tmp_path / "alone")))


def test_values_of_ct_in_a_bundle_for_mr_are_warned_of(bundle: Path, tmp_path: Path) -> None:
    save(volume() * 10 - 500, AFFINE, tmp_path / "ct.nii.gz")
    outcome = one(bundle, tmp_path / "ct.nii.gz", tmp_path / "out")
    assert outcome.error is None and len(outcome.warnings) == 1
    assert "looks like CT" in outcome.warnings[0]


def test_a_dicom_series_is_the_volume_that_it_holds(bundle: Path, tmp_path: Path) -> None:
    write_series(int16(), tmp_path / "1.2.840.5")
    affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1])
    affine[:3, 3] = [-ORIGIN[0], -ORIGIN[1], ORIGIN[2]]
    save(int16(), affine, tmp_path / "same.nii.gz")
    series, same = segment(bundle, [tmp_path / "1.2.840.5", tmp_path / "same.nii.gz"], tmp_path / "out")
    np.testing.assert_array_equal(mask_of(series), mask_of(same))
    np.testing.assert_allclose(nibabel.load(series.masks[0]).affine, affine, atol=1e-4)
    assert series.masks[0].name == "1.2.840.5_seg.nii.gz"


def test_of_two_series_in_a_folder_one_is_chosen(bundle: Path, tmp_path: Path) -> None:
    first = write_series(int16(0), tmp_path / "folder")
    for file in list((tmp_path / "folder").iterdir()):
        file.rename(file.with_name(f"first_{file.name}"))
    second = write_series(int16(1, (13, 17, 4)), tmp_path / "folder")
    error = one(bundle, tmp_path / "folder", tmp_path / "out").error
    assert error is not None and first in error and second in error
    chosen = one(bundle, tmp_path / "folder", tmp_path / "out", series=second)
    assert mask_of(chosen).shape == (13, 17, 4)
    error = one(bundle, tmp_path / "folder", tmp_path / "out", series="1.2").error
    assert error is not None and "no series 1.2" in error


def test_uneven_slices_are_refused(bundle: Path, tmp_path: Path) -> None:
    write_series(int16(), tmp_path / "series", positions=np.array([0.0, 3, 6, 12, 15, 18]))
    error = one(bundle, tmp_path / "series", tmp_path / "out").error
    assert error is not None and "6 mm apart, others 3 mm" in error
    assert not (tmp_path / "out").exists()


def test_dicom_segmentation_has_its_pixels_on_the_slices_they_belong_to(
    bundle_of_two_classes: Path, tmp_path: Path
) -> None:
    highdicom = pytest.importorskip("highdicom")
    uid = write_series(int16(), tmp_path / "series")
    save(volume(), AFFINE, tmp_path / "volume.nii.gz")
    series, other = segment(
        bundle_of_two_classes, [tmp_path / "series", tmp_path / "volume.nii.gz"], tmp_path / "out", format="dicom-seg"
    )
    assert other.error is not None and "no DICOM series, which dicom-seg needs" in other.error
    assert files_in(tmp_path / "out") == ["series_seg.dcm"]
    written = highdicom.seg.segread(series.masks[0])
    assert [described.SegmentLabel for described in written.SegmentSequence] == [
        "anterior hippocampus",
        "posterior hippocampus",
    ]
    assert written.ReferencedSeriesSequence[0].SeriesInstanceUID == uid
    expected = mask_of(one(bundle_of_two_classes, tmp_path / "series", tmp_path / "nifti"))
    assert set(np.unique(expected)) == {0, 1, 2}
    for file in (tmp_path / "series").iterdir():
        header = pydicom.dcmread(file)
        frame = written.get_pixels_by_source_instance([header.SOPInstanceUID], ignore_spatial_locations=True)
        z = round((header.ImagePositionPatient[2] - ORIGIN[2]) / SPACING[2])
        for number in (1, 2):
            np.testing.assert_array_equal(frame[0, :, :, number - 1].T, expected[:, :, z] == number)


def test_dicom_series_that_are_damaged_are_named_beside_those_that_are_not(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    folders = {name: tmp_path / "in" / name for name in ("cut", "incomplete", "turned", "whole")}
    for folder in folders.values():
        write_series(int16(), folder)
    files = {name: sorted(folder.iterdir())[3] for name, folder in folders.items()}
    files["cut"].write_bytes(files["cut"].read_bytes()[:-100])
    files["incomplete"].unlink()
    turned = pydicom.dcmread(files["turned"])
    turned.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    turned.save_as(files["turned"])
    options = {"format": "dicom-seg", "structured_report": True}
    outcomes = segment(bundle, folders.values(), tmp_path / "out", **options)
    cut, incomplete, other, whole = [outcome.error for outcome in outcomes]
    assert cut is not None and str(files["cut"]) in cut and "bytes" in cut
    assert incomplete is not None and "6 mm apart, others 3 mm: complete the series" in incomplete
    assert other is not None and f"{files['turned']} is turned by 90 degrees" in other
    assert whole is None and files_in(tmp_path / "out") == ["whole_report.dcm", "whole_seg.dcm"]


def test_a_structured_report_refers_to_a_dicom_segmentation(bundle: Path, image: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give --format dicom-seg too"):
        segment(bundle, [image], tmp_path / "out", structured_report=True)


def test_a_segment_that_is_one_term_has_its_code(bundle_for_ct: Path, tmp_path: Path) -> None:
    highdicom = pytest.importorskip("highdicom")
    write_series(int16() * 5, tmp_path / "series")
    outcome = one(bundle_for_ct, tmp_path / "series", tmp_path / "out", format="dicom-seg")
    (segment,) = highdicom.seg.segread(outcome.masks[0]).SegmentSequence
    assert (segment.SegmentLabel, segment.SegmentedPropertyTypeCodeSequence[0].CodeValue) == ("liver", "10200004")


def test_a_network_of_another_size_still_gives_masks_on_the_input_s_grid(bundle_for_ct: Path, tmp_path: Path) -> None:
    save(volume() * 20 - 900, AFFINE, tmp_path / "a.nii.gz")
    outcome = one(bundle_for_ct, tmp_path / "a.nii.gz", tmp_path / "out")
    assert mask_of(outcome).shape == (21, 17, 6) and outcome.warnings == ()
    np.testing.assert_allclose(nibabel.load(outcome.masks[0]).affine, AFFINE, atol=1e-5)


@pytest.mark.parametrize("shape", [(21, 17, 6), (9, 8, 1)])
def test_nrrd_is_the_same_mask_on_the_same_grid(bundle: Path, tmp_path: Path, shape: tuple[int, ...]) -> None:
    save(volume(0, shape), AFFINE, tmp_path / "a.nii.gz")
    nrrd = itk.imread(one(bundle, tmp_path / "a.nii.gz", tmp_path / "out", format="nrrd").masks[0])
    nifti = one(bundle, tmp_path / "a.nii.gz", tmp_path / "out")
    reread = itk.imread(nifti.masks[0])
    np.testing.assert_array_equal(itk.array_from_image(nrrd).transpose(), mask_of(nifti))
    for attribute in ("GetSpacing", "GetOrigin"):
        np.testing.assert_allclose(getattr(nrrd, attribute)(), getattr(reread, attribute)(), atol=1e-5)
    np.testing.assert_allclose(nrrd.GetDirection(), itk.array_from_matrix(reread.GetDirection()), atol=1e-6)


def test_inputs_of_one_name_get_masks_of_different_names(bundle: Path, tmp_path: Path) -> None:
    for seed, folder in enumerate(("a", "b")):
        save(volume(seed), AFFINE, tmp_path / folder / "image.nii.gz")
    outcomes = segment(bundle, [tmp_path / "a", tmp_path / "b/image.nii.gz", tmp_path / "a"], tmp_path / "out")
    assert [outcome.masks[0].name for outcome in outcomes] == ["a_image_seg.nii.gz", "b_image_seg.nii.gz"]
    assert not np.array_equal(*map(mask_of, outcomes))


def test_of_inputs_that_differ_in_their_ending_only_none_is_segmented_and_all_others_are(
    bundle: Path, tmp_path: Path
) -> None:
    for name in ("a.nii", "a.nii.gz", "b.nii"):
        save(volume(), AFFINE, tmp_path / "in" / name)
    first, second, other = segment(bundle, [tmp_path / "in"], tmp_path / "out")
    for one_of_two in (first, second):
        assert one_of_two.error is not None and "would have one name: rename one" in one_of_two.error
        assert str(first.image) in one_of_two.error and str(second.image) in one_of_two.error
    assert other.error is None and files_in(tmp_path / "out") == ["b_seg.nii.gz"]


def test_a_mask_is_not_written_over_that_of_another_input_where_two_names_are_one_file(
    bundle: Path, tmp_path: Path
) -> None:
    for seed, name in enumerate("ab"):
        save(volume(seed), AFFINE, tmp_path / f"in/{name}.nii")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/b_seg.nii.gz").symlink_to("a_seg.nii.gz")
    first, second = segment(bundle, [tmp_path / "in"], tmp_path / "out")
    assert second.error is not None and f"would be written over the mask of {first.image}" in second.error
    np.testing.assert_array_equal(mask_of(first), mask_of(one(bundle, first.image, tmp_path / "alone")))


def test_a_folder_that_was_made_for_masks_goes_when_there_are_none(bundle: Path, image: Path, tmp_path: Path) -> None:
    image.write_text("no volume")
    (tmp_path / "mine").mkdir()
    for output in (tmp_path / "new/masks", tmp_path / "mine"):
        assert one(bundle, image, output).error is not None
    assert not (tmp_path / "new").exists() and (tmp_path / "mine").is_dir()


def test_an_input_is_never_written_over(bundle: Path, image: Path) -> None:
    precious = image.with_name("good_seg.nii.gz")
    save(volume(5), AFFINE, precious)
    before = precious.read_bytes()
    outcomes = segment(bundle, [image, precious], image.parent)
    assert outcomes[0].error is not None and "over the input" in outcomes[0].error
    assert outcomes[1].error is None
    assert precious.read_bytes() == before
    assert files_in(image.parent) == ["good.nii.gz", "good_seg.nii.gz", "good_seg_seg.nii.gz"]


def test_masks_of_an_earlier_call_are_no_inputs(bundle: Path, image: Path) -> None:
    for _ in range(2):
        assert len(segment(bundle, [image.parent], image.parent / "masks")) == 1


@pytest.mark.parametrize("format", ["nifti", "nrrd"])
@pytest.mark.parametrize("inside", [".", "masks"])
def test_a_mask_that_somebody_drew_or_corrected_is_not_written_over(
    bundle: Path, image: Path, tmp_path: Path, format: str, inside: str
) -> None:
    output = image.parent / inside
    for given in (image, image.parent) * 2:  # masks of an earlier call are replaced
        (mask,) = one(bundle, given, output, format=format).masks
    corrected = sitk.ReadImage(mask)
    corrected[0, 0, 0] = 1 - corrected[0, 0, 0]  # what else was in the header is kept, the mark too
    sitk.WriteImage(corrected, mask)
    before = mask.read_bytes()
    error = one(bundle, image, output, format=format).error
    assert error is not None and f"{mask} is no mask of an earlier call, or was changed since" in error
    assert mask.read_bytes() == before and not list(output.glob(".*"))


def test_an_output_folder_that_cannot_be_written_to_is_said_at_once(bundle: Path, image: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ConfigError, match="/file is a file, and a folder is needed"):
            segment(bundle, [image], output)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("format", ["nifti", "nrrd"])
def test_a_full_disk_is_said_of_the_mask_and_leaves_none(
    bundle: Path, image: Path, tmp_path: Path, format: str
) -> None:
    ending = {"nifti": ".nii.gz", "nrrd": ".nrrd"}[format]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f".partial.good_seg{ending}").symlink_to("/dev/full")
    outcome = one(bundle, image, tmp_path / "out", format=format)
    assert outcome.error is not None and f"out/good_seg{ending} cannot be written (" in outcome.error
    assert "free some space" in outcome.error and not files_in(tmp_path / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_output_folder_is_said_at_once(bundle: Path, image: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(ConfigError, match="Masks cannot be written to"):
        segment(bundle, [image], tmp_path / "out")


def test_an_interruption_leaves_whole_masks_only(bundle: Path, image: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if list((tmp_path / "out").glob("*_seg.nii.gz")):
            raise KeyboardInterrupt

    save(volume(1), AFFINE, image.with_name("second.nii.gz"))
    with pytest.raises(KeyboardInterrupt):
        segment(bundle, [image.parent], tmp_path / "out", progress=interrupt)
    assert files_in(tmp_path / "out") == ["good_seg.nii.gz"]


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_what_is_in_the_masks_of_files_and_of_dicom(bundle_of_two_classes: Path, tmp_path: Path) -> None:
    write_series(int16(), tmp_path / "in/series")
    affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1])
    save(int16(), affine, tmp_path / "in/volume.nii.gz")
    outcomes = segment(bundle_of_two_classes, [tmp_path / "in"], tmp_path / "out", table=tmp_path / "out/results.csv")
    rows = rows_of(tmp_path / "out/results.csv")
    assert [row["image"] for row in rows] == [str(outcome.image) for outcome in outcomes for _ in range(2)]
    assert [row["mask"] for row in rows] == [str(outcome.masks[0]) for outcome in outcomes for _ in range(2)]
    for row, (outcome, value) in zip(rows, product(outcomes, (1, 2)), strict=True):
        found = mask_of(outcome) == value
        assert row["class"].startswith(("anterior", "posterior")[value - 1])
        assert int(row["objects"]) == regions_by_itk(found)
        assert float(row["volume_ml"]) == pytest.approx(found.sum() * np.prod(SPACING) / 1000, rel=1e-4)
        assert float(row["mean_intensity"]) == pytest.approx(int16()[found].mean(), rel=1e-4)
    assert rows[0]["volume_ml"] == rows[2]["volume_ml"] and "quality" not in rows[0]
    assert outcomes[0].table == tmp_path / "out/results.csv" and outcomes[0].measures is not None


def regions_by_itk(mask: np.ndarray) -> int:
    """The connected regions by ITK, whose voxels may touch by a corner."""
    labelled = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True)
    return len(np.unique(sitk.GetArrayFromImage(labelled))) - 1


def test_an_overlay_lies_beside_the_mask_and_is_replaced_with_it(bundle: Path, image: Path, tmp_path: Path) -> None:
    for seed in range(2):
        save(volume(seed), AFFINE, image)
        (outcome,) = segment(bundle, [image.parent], image.parent, overlays=True)  # an overlay is no input
        assert files_in(image.parent) == ["good.nii.gz", "good_overlay.png", "good_seg.nii.gz"]
        assert set(outcome.masks) == {image.parent / "good_overlay.png", image.parent / "good_seg.nii.gz"}
    overlay = image.parent / "good_overlay.png"
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(overlay)
    before = (overlay.read_bytes(), (image.parent / "good_seg.nii.gz").read_bytes())
    save(volume(2), AFFINE, image)
    error = one(bundle, image, image.parent, overlays=True).error
    assert error is not None and f"{overlay} is no mask of an earlier call" in error
    assert (overlay.read_bytes(), (image.parent / "good_seg.nii.gz").read_bytes()) == before


def test_an_overlay_goes_with_the_mask_that_it_drew(bundle: Path, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    one(bundle, image, out, overlays=True)
    assert one(bundle, image, out).error is None
    assert files_in(out) == ["good_seg.nii.gz"]
    Image.new("L", (4, 4)).save(out / "good_overlay.png")  # somebody's own
    assert one(bundle, image, out).error is None
    assert files_in(out) == ["good_overlay.png", "good_seg.nii.gz"]


def test_an_overlay_stays_with_a_mask_that_stays(bundle: Path, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    one(bundle, image, out, overlays=True)
    one(bundle, image, out, format="nrrd")
    assert files_in(out) == ["good_overlay.png", "good_seg.nii.gz", "good_seg.nrrd"]
    save(np.ones((21, 17, 6), np.uint8), AFFINE, out / "good_seg.nii.gz")  # corrected by somebody
    one(bundle, image, out, next_free_name=True)
    assert files_in(out) == ["good_2_seg.nii.gz", "good_overlay.png", "good_seg.nii.gz", "good_seg.nrrd"]


def test_the_mask_of_another_input_of_that_name_stays(bundle: Path, image: Path, tmp_path: Path) -> None:
    other, out = tmp_path / "other" / image.name, tmp_path / "out"
    save(volume(1), AFFINE, other)
    before = mask_of(one(bundle, image, out))
    refused = one(bundle, other, out)
    assert refused.error is not None and "good_seg.nii.gz is the mask of another input" in refused.error
    assert files_in(out) == ["good_seg.nii.gz"]
    np.testing.assert_array_equal(nibabel.load(out / "good_seg.nii.gz").get_fdata(), before)
    second = one(bundle, other, out, next_free_name=True)
    assert [path.name for path in second.masks] == ["good_2_seg.nii.gz"]
    assert one(bundle, image, out).error is None


@pytest.mark.parametrize("format", ["nifti", "dicom-seg"])
def test_the_mask_of_another_series_of_that_folder_stays(bundle: Path, tmp_path: Path, format: str) -> None:
    uids = [write_series(int16(seed), tmp_path / "in" / str(seed)) for seed in range(2)]
    for file in list((tmp_path / "in").glob("*/*")):
        file.rename(tmp_path / "in" / f"{file.parent.name}_{file.name}")
    for seed in range(2):
        (tmp_path / "in" / str(seed)).rmdir()
    options = {"structured_report": True} if format == "dicom-seg" else {}
    first, second = (
        one(bundle, tmp_path / "in", tmp_path / "out", series=uid, format=format, **options) for uid in uids
    )
    assert first.error is None
    assert second.error is not None and "is the mask of another input or DICOM series" in second.error
    assert one(bundle, tmp_path / "in", tmp_path / "out", series=uids[0], format=format, **options).error is None


def test_the_quality_is_in_the_outcome_and_in_the_table(bundle: Path, image: Path, tmp_path: Path) -> None:
    for below, remark in ((0.1, ""), (0.999, "look at this")):
        options = {"flag": True, "flag_below": below, "table": tmp_path / "results.csv"}
        outcome = one(bundle, image, tmp_path / "out", **options)
        assert outcome.quality is not None and 0.1 < outcome.quality < 0.999  # a network that is not trained
        (row,) = rows_of(tmp_path / "results.csv")
        assert float(row["quality"]) == pytest.approx(outcome.quality, rel=1e-5)
        assert row["remark"] == remark and outcome.look_at_this == bool(remark)
    plain = one(bundle, image, tmp_path / "plain")
    assert plain.quality is None and not plain.look_at_this
    np.testing.assert_array_equal(mask_of(plain), mask_of(outcome))


def test_the_next_free_name_is_taken_where_it_is_asked_for(bundle: Path, image: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "out/good_seg.nii.gz"
    save(np.ones((21, 17, 6), np.uint8), AFFINE, drawn)
    before = drawn.read_bytes()
    options = {"overlays": True, "next_free_name": True, "table": tmp_path / "results.csv"}
    (tmp_path / "results.csv").write_text("mine\n")
    for number in (2, 3):
        outcome = one(bundle, image, tmp_path / "out", **options)
        names = [f"good_{number}_overlay.png", f"good_{number}_seg.nii.gz"]
        assert [path.name for path in outcome.masks] == names and outcome.table == tmp_path / "results_2.csv"
    assert drawn.read_bytes() == before and (tmp_path / "results.csv").read_text() == "mine\n"
    drawn.unlink()
    for _ in range(2):  # what is own is replaced
        assert [path.name for path in one(bundle, image, tmp_path / "out", **options).masks][1] == drawn.name


def test_a_table_of_somebody_else_is_said_before_anything_is_segmented(
    bundle: Path, image: Path, tmp_path: Path
) -> None:
    (tmp_path / "results.csv").write_text("mine\n")
    with pytest.raises(ConfigError, match=r"results.csv holds something else"):
        segment(bundle, [image], tmp_path / "out", table=tmp_path / "results.csv")
    assert (tmp_path / "results.csv").read_text() == "mine\n" and not (tmp_path / "out").exists()


def test_an_interrupted_table_has_what_was_segmented(bundle: Path, image: Path, tmp_path: Path) -> None:
    def interrupt(outcome: Outcome) -> None:
        raise KeyboardInterrupt

    save(volume(1), AFFINE, image.with_name("second.nii.gz"))
    counts: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        segment(
            bundle,
            [image.parent],
            tmp_path / "out",
            table=tmp_path / "results.csv",
            started=counts.append,
            report=interrupt,
        )
    assert counts == [2] and [row["image"] for row in rows_of(tmp_path / "results.csv")] == [str(image)]


def other_network(copy: Path) -> None:
    genotype = Genotype.load(copy / "genotype.json").to_dict()
    genotype["architecture"]["node_width"] = [4, 8]
    torch.save(LWMISN(Genotype.from_dict(genotype)).state_dict(), copy / "models/model.pt")


def missing_weight(copy: Path) -> None:
    weights = torch.load(copy / "models/model.pt", weights_only=True)
    weights.popitem()
    torch.save(weights, copy / "models/model.pt")


def program(copy: Path) -> None:
    torch.save({"weight": Path("a")}, copy / "models/model.pt")


def newer_genotype(copy: Path) -> None:
    genotype = json.loads((copy / "genotype.json").read_text())
    (copy / "genotype.json").write_text(json.dumps(genotype | {"schema_version": 99}))


@pytest.mark.parametrize(
    ("spoil", "error", "sentence"),
    [
        (other_network, CheckpointError, "does not hold the weights of this genotype"),
        (missing_weight, CheckpointError, "does not hold the weights of this genotype"),
        (program, CheckpointError, "not a checkpoint of tensors"),
        (newer_genotype, GenotypeError, "schema version 99"),
        (lambda copy: (copy / "configs/inference.json").unlink(), ConfigError, "no configs/inference.json"),
        (lambda copy: (copy / "configs/inference.json").write_text("{"), ConfigError, "cannot be read"),
        (lambda copy: (copy / "configs/inference.json").write_text("{}"), ConfigError, "no bundle that lwmisn wrote"),
        (
            lambda copy: (copy / "configs/inference.json").write_text('{"volumetric": true}'),
            ConfigError,
            "of an earlier release: convert it with `lwmisn convert",
        ),
    ],
)
def test_a_bundle_that_is_not_right_is_refused(
    copy: Path, image: Path, tmp_path: Path, spoil: Any, error: type[LWMISNError], sentence: str
) -> None:
    spoil(copy)
    with pytest.raises(error, match=sentence):
        segment(copy, [image], tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"format": "png"}, "segments volumes, not to png"),
        ({"format": "jpeg"}, "segments volumes, not to jpeg"),
        ({"slice_axis": "diagonal"}, "no slice axis 'diagonal'"),
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"runtime": "abacus"}, "no runtime 'abacus'"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    bundle: Path, image: Path, tmp_path: Path, options: dict, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        segment(bundle, [image], tmp_path / "out", **options)


@pytest.mark.parametrize("format", ["nifti", "nrrd", "dicom-seg"])
def test_pictures_are_segmented_to_png_only(copy: Path, image: Path, tmp_path: Path, format: str) -> None:
    config = json.loads((copy / "configs/inference.json").read_text())
    config["data"]["volumetric"] = False
    (copy / "configs/inference.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=f"segments pictures, not to {format}: use png"):
        segment(copy, [image], tmp_path / "out", format=format)
    assert not (tmp_path / "out").exists()


def zip_of(folder: Path, archive: Path, top: str = "", extra: Iterable[tuple[str, int]] = ()) -> Path:
    with zipfile.ZipFile(archive, "w") as opened:
        for file in folder.rglob("*"):
            opened.write(file, top + str(file.relative_to(folder)))
        for name, mode in extra:
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            opened.writestr(member, "/etc")
    return archive


@pytest.mark.parametrize("top", ["", "prostate/"])
def test_a_zip_is_as_good_as_its_folder(bundle: Path, image: Path, tmp_path: Path, top: str) -> None:
    archive = zip_of(bundle, tmp_path / "bundle.zip", top)
    zipped, plain = one(archive, image, tmp_path / "zipped"), one(bundle, image, tmp_path / "plain")
    np.testing.assert_array_equal(mask_of(zipped), mask_of(plain))


@pytest.mark.parametrize(
    ("name", "mode", "sentence"),
    [
        ("../outside", stat.S_IFREG, "points out of the archive"),
        ("/outside", stat.S_IFREG, "points out of the archive"),
        ("a\\..\\..\\outside", stat.S_IFREG, "points out of the archive"),
        ("link", stat.S_IFLNK | 0o777, "has the link 'link'"),
    ],
)
def test_a_zip_that_climbs_out_is_refused_before_anything_is_unpacked(
    bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: int, sentence: str
) -> None:
    archive = zip_of(bundle, tmp_path / "bundle.zip", extra=[(name, mode)])
    monkeypatch.setattr(zipfile.ZipFile, "extractall", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(DataError, match=sentence):
        segment(archive, [image], tmp_path / "out")


def test_a_zip_that_would_fill_the_disk_is_refused(
    bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zip_of(bundle, tmp_path / "bundle.zip")
    monkeypatch.setattr("monai_lwmisn.light.bundle_files.LARGEST_BYTES", 10_000)
    with pytest.raises(DataError, match="would unpack to"):
        segment(archive, [image], tmp_path / "out")


def test_a_damaged_zip_is_refused(bundle: Path, image: Path, tmp_path: Path) -> None:
    archive = zip_of(bundle, tmp_path / "bundle.zip")
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(ConfigError, match="no folder and no zip"):
        segment(archive, [image], tmp_path / "out")


@pytest.fixture(scope="module")
def exported(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle with its network as ONNX."""
    folder = Path(shutil.copytree(bundle, tmp_path_factory.mktemp("exported") / "bundle"))
    network = LWMISN(Genotype.load(folder / "genotype.json"))
    network.load_state_dict(torch.load(folder / "models/model.pt", weights_only=True))
    sizes = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    torch.onnx.export(
        network.eval(),
        (torch.rand(2, 1, 20, 28),),
        str(folder / "models/model.onnx"),
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes=(sizes,),
        dynamo=True,
        verbose=False,
    )
    return folder


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_other_runtimes_give_the_same_mask(exported: Path, image: Path, tmp_path: Path, runtime: str) -> None:
    pytest.importorskip(runtime)
    other = mask_of(one(exported, image, tmp_path / runtime, runtime=runtime))
    plain = mask_of(one(exported, image, tmp_path / "torch"))
    assert 0 < plain.mean() < 1
    np.testing.assert_array_equal(other, plain)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_runtime_that_cannot_be_used_is_said(
    exported: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    pytest.importorskip(runtime)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="use the device cpu"):
            segment(exported, [image], tmp_path / "out", runtime=runtime, device="cuda")
    broken = Path(shutil.copytree(exported, tmp_path / "broken"))
    (broken / "models/model.onnx").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="model.onnx cannot be read as an ONNX network"):
        segment(broken, [image], tmp_path / "out", runtime=runtime)
    monkeypatch.setattr(runtimes, "is_installed", lambda name: False)
    monkeypatch.setattr("monai_lwmisn.light.libraries.is_installed", lambda name: False)
    with pytest.raises(ConfigError, match=f"pip install {runtime}"):
        segment(exported, [image], tmp_path / "out", runtime=runtime)
