"""The check of a data set counts what is there and names every file that is wrong."""

import shutil
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from monai_lwmisn.data.data_report import DataReport
from monai_lwmisn.errors import DataError
from tests.data.formats import check


@pytest.fixture
def nuclei(nuclei_phantom: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(nuclei_phantom, tmp_path / "nuclei"))


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Three small NIfTI volumes in the format ``folder``."""
    generator = np.random.default_rng(0)
    for index in range(3):
        label = np.zeros((6, 5, 4), np.uint8)
        label[1:3, 1:3, 1:3] = 1
        save(tmp_path / "volumes" / "images" / f"{index}.nii.gz", generator.normal(size=label.shape).astype(np.float32))
        save(tmp_path / "volumes" / "labels" / f"{index}.nii.gz", label)
    return tmp_path / "volumes"


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, np.diag([0.5, 0.75, 2.0, 1.0])), path)


def only_problem(dataset: str, path: Path) -> str:
    report = check(dataset, path)
    assert len(report.problems) == 1
    with pytest.raises(DataError):
        report.raise_for_problems()
    assert f"problem: {report.problems[0]}" in report.to_text()
    return report.problems[0]


def test_a_good_set_is_counted(nuclei_phantom: Path) -> None:
    report = check("dsb2018", nuclei_phantom)
    assert report.images == len(report.items) == 8 and report.problems == []
    assert report.strata == {"brightfield": 2, "fluorescence": 4, "purple": 2}
    assert report.sizes == {"64x64": 8}
    assert report.groups == len({item["group"] for item in report.items})
    foreground = 0
    for file in nuclei_phantom.rglob("masks/*.png"):
        foreground += int((np.asarray(Image.open(file)) > 0).sum())
    assert report.label_shares[1] == pytest.approx(foreground / (8 * 64 * 64))
    assert sum(report.label_shares.values()) == pytest.approx(1)
    report.raise_for_problems()
    text = report.to_text()
    assert "images with labels 8" in text and "fluorescence 4" in text and "64x64 (8)" in text and "no problems" in text


def test_many_sizes_are_given_as_ranges() -> None:
    sizes = {f"{30 + index}x{60 - index}x8": 1 for index in range(20)}
    assert "sizes: 30-49 x 41-60 x 8-8 (20 sizes)\n" in DataReport("msd", "data", sizes=sizes).to_text()


def test_spacing_is_reported_where_it_is_real(volumes: Path, ct_phantom: Path, mr_phantom: Path) -> None:
    assert check("folder", volumes).spacing_mm == [(0.5, 0.5), (0.75, 0.75), (2.0, 2.0)]
    assert "spacing: 1.5 x 1.5 x 3 mm" in check("chaos_ct", ct_phantom).to_text()
    assert "spacing" not in check("promise12", mr_phantom).to_text()


def test_labels_of_several_classes_are_counted(msd_phantom: Path) -> None:
    shares = check("msd", msd_phantom).label_shares
    assert list(shares) == [0, 1, 2]
    assert shares[1] == shares[2] > 0


def test_a_missing_folder_stops_the_check(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        check("dsb2018", tmp_path / "nowhere")


def test_structural_problems_are_listed_beside_the_good_images(nuclei: Path) -> None:
    shutil.rmtree(nuclei / "stage1_train" / "phantom0002" / "masks")
    assert "phantom0002.png has no masks" in only_problem("dsb2018", nuclei)


def test_a_mask_of_another_size_is_found(nuclei: Path) -> None:
    for mask in (nuclei / "stage1_train" / "phantom0001" / "masks").glob("*.png"):
        Image.fromarray(np.zeros((60, 64), np.uint8)).save(mask)
    problem = only_problem("dsb2018", nuclei)
    assert "phantom0001.png is 64x64 but its label" in problem and "is 64x60" in problem


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_a_truncated_volume_is_named(volumes: Path, kind: str) -> None:
    file = volumes / kind / "1.nii.gz"
    file.write_bytes(file.read_bytes()[:60])
    problem = only_problem("folder", volumes)
    assert str(file) in problem and "cannot be read" in problem and "\n" not in problem


def test_a_truncated_mask_is_named(nuclei: Path) -> None:
    file = sorted((nuclei / "stage1_train" / "phantom0004" / "masks").glob("*.png"))[0]
    file.write_bytes(file.read_bytes()[:40])
    assert "phantom0004/masks" in only_problem("dsb2018", nuclei)


def test_shapes_that_differ_are_named(volumes: Path) -> None:
    save(volumes / "labels" / "2.nii.gz", np.ones((6, 5, 3), np.uint8))
    problem = only_problem("folder", volumes)
    assert "2.nii.gz is 6x5x4 but its label" in problem and "is 6x5x3" in problem


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_found(volumes: Path, value: float) -> None:
    image = np.zeros((6, 5, 4), np.float32)
    image[3, 2, 1] = value
    save(volumes / "images" / "0.nii.gz", image)
    assert "images/0.nii.gz has voxels that are NaN or infinite" in only_problem("folder", volumes)


def test_a_set_without_any_foreground_is_refused_and_one_empty_label_is_not(volumes: Path) -> None:
    save(volumes / "labels" / "0.nii.gz", np.zeros((6, 5, 4), np.uint8))
    report = check("folder", volumes)
    assert report.problems == [] and report.without_foreground == 1
    for index in (1, 2):
        save(volumes / "labels" / f"{index}.nii.gz", np.zeros((6, 5, 4), np.uint8))
    assert "has any foreground" in only_problem("folder", volumes)


def test_a_damaged_member_of_an_archive_is_named(nuclei: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "nuclei"), "zip", nuclei))
    with zipfile.ZipFile(archive) as file:
        info = file.getinfo("stage1_train/phantom0005/images/phantom0005.png")
        start = info.header_offset + 30 + len(info.filename)
    content = bytearray(archive.read_bytes())
    content[start + 200 : start + 260] = bytes(60)
    archive.write_bytes(content)
    problem = only_problem("dsb2018", archive)
    assert "phantom0005.png cannot be read" in problem


def test_a_truncated_dicom_slice_is_missed(ct_phantom: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ct_phantom, tmp_path / "chaos"))
    file = folder / "Train_Sets" / "CT" / "2" / "DICOM_anon" / "i0003,0000b.dcm"
    file.write_bytes(file.read_bytes()[:-2000])  # the header stays readable, the pixels do not
    problem = only_problem("chaos_ct", folder)
    assert "i0003,0000b.dcm is cut short" in problem


def test_label_values_that_the_preset_does_not_name_are_one_problem(volumes: Path, msd_phantom: Path) -> None:
    for index in (1, 2):
        label = np.zeros((6, 5, 4), np.uint8)
        label[1:3, 1:3, 1:3] = 255
        save(volumes / "labels" / f"{index}.nii.gz", label)
    report = check("folder", volumes, label_names={"1": "organ"})
    assert [item["case"] for item in report.items] == ["0"]
    (problem,) = report.problems
    assert f"{volumes / 'labels' / '1.nii.gz'} has the value 255" in problem
    assert "classes are 0, 1 (labels like it: 2)" in problem and "renumber" in problem
    assert check("folder", volumes, label_names={"1": "organ", "255": "tumour"}).problems == []
    assert check("msd", msd_phantom).problems == []
    (problem,) = check("msd", msd_phantom, label_names={"1": "hippocampus"}).problems
    assert "has the value 2," in problem and "labels like it: 4" in problem


def test_values_between_classes_are_shown_in_full(volumes: Path) -> None:
    label = np.linspace(0, 1, 120, dtype=np.float32).reshape(6, 5, 4)
    save(volumes / "labels" / "0.nii.gz", label)
    (problem,) = check("folder", volumes).problems
    assert f"{label.ravel()[1]:.9g}" in problem and ", ..., but" in problem


def test_labels_that_the_readers_make_one_class_of_are_no_problem(nuclei_phantom: Path, tmp_path: Path) -> None:
    assert check("dsb2018", nuclei_phantom).problems == []
    mask = np.zeros((8, 9), np.uint8)
    mask[2:5, 2:5] = 255
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        Image.fromarray(mask).save(tmp_path / kind / "a.png")
    assert check("folder", tmp_path, preset="nuclei").problems == []
    two = {"1": "nucleus", "2": "cell"}
    assert (
        "has the value 255" in check("folder", tmp_path, preset="nuclei", label_names=two, instances=False).problems[0]
    )
