"""The data set of the Data Science Bowl, in a folder and in a zip."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from monai_lwmisn.data import read_dataset
from monai_lwmisn.data.datasets import scan_dataset
from monai_lwmisn.errors import DataError


@pytest.fixture
def folder(nuclei_phantom: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(nuclei_phantom, tmp_path / "dsb"))


def test_items_name_existing_files_and_the_stains_are_right(nuclei_phantom: Path) -> None:
    items = read_dataset("dsb2018", nuclei_phantom)
    assert [item["case"] for item in items] == [f"phantom{index:04d}" for index in range(8)]
    assert Counter(item["stratum"] for item in items) == {"fluorescence": 4, "purple": 2, "brightfield": 2}
    for item in items:
        assert Path(item["image"]).is_file() and Path(item["image"]).is_absolute()
        assert Path(item["label"]).is_dir() and item["group"]


def test_a_zip_gives_the_items_of_the_folder(nuclei_phantom: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "dsb"), "zip", nuclei_phantom)
    from_zip = read_dataset("dsb2018", archive)
    from_folder = read_dataset("dsb2018", nuclei_phantom)
    for zipped, plain in zip(from_zip, from_folder, strict=True):
        assert zipped["image"] == plain["image"].replace(f"{nuclei_phantom}/", f"{archive}!/")
        assert zipped["label"] == plain["label"].replace(f"{nuclei_phantom}/", f"{archive}!/")
        assert {key: zipped[key] for key in ("case", "group", "stratum")} == {
            key: plain[key] for key in ("case", "group", "stratum")
        }


def test_the_folder_of_one_part_can_be_given_too(nuclei_phantom: Path) -> None:
    inner = read_dataset("dsb2018", nuclei_phantom / "stage1_train")
    assert [item["case"] for item in inner] == [item["case"] for item in read_dataset("dsb2018", nuclei_phantom)]


def test_a_copied_image_shares_its_group(folder: Path) -> None:
    source = folder / "stage1_train" / "phantom0003"
    copy = folder / "stage1_train" / "copy"
    shutil.copytree(source, copy)
    (copy / "images" / "phantom0003.png").rename(copy / "images" / "copy.png")
    groups = {item["case"]: item["group"] for item in read_dataset("dsb2018", folder)}
    assert groups["copy"] == groups["phantom0003"] == "copy"
    assert groups["phantom0001"] != groups["phantom0003"]


def test_test_images_without_masks_are_left_out_where_the_training_part_is_there(folder: Path) -> None:
    images = folder / "stage1_test" / "unknown" / "images"
    images.mkdir(parents=True)
    shutil.copy(folder / "stage1_train" / "phantom0000" / "images" / "phantom0000.png", images / "unknown.png")
    assert len(read_dataset("dsb2018", folder)) == 8


def test_every_problem_is_listed_with_its_file_and_the_rest_stays_usable(folder: Path) -> None:
    root = folder / "stage1_train"
    shutil.rmtree(root / "phantom0000" / "masks")
    shutil.rmtree(root / "phantom0001" / "images")
    shutil.copy(root / "phantom0002" / "images" / "phantom0002.png", root / "phantom0002" / "images" / "second.png")
    broken = root / "phantom0003" / "images" / "phantom0003.png"
    broken.write_bytes(broken.read_bytes()[:300])
    scan = scan_dataset("dsb2018", folder)
    assert [item["case"] for item in scan.items] == [f"phantom{index:04d}" for index in range(4, 8)]
    expected = {
        "phantom0000.png has no masks",
        "phantom0001/masks have no image",
        "phantom0002/images has more than one image",
        "phantom0003.png cannot be read",
    }
    assert len(scan.problems) == 4
    for text in expected:
        assert sum(text in problem for problem in scan.problems) == 1, text
    with pytest.raises(DataError, match=r"\(3 more: `lwmisn check-data` lists them all\.\)"):
        read_dataset("dsb2018", folder)
