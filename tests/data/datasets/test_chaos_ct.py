"""CHAOS CT: geometry from positions, masks paired in file-name order, holes and doubles found."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from monai_lwmisn.data import read_dataset
from monai_lwmisn.data.phantom import abdomen_volume
from monai_lwmisn.data.phantom.writers import CT_ORIGIN, CT_SPACING
from monai_lwmisn.errors import DataError
from tests.data.formats import load


@pytest.fixture
def folder(ct_phantom: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ct_phantom, tmp_path / "chaos"))


@pytest.fixture
def series(folder: Path) -> list[Path]:
    return sorted((folder / "Train_Sets" / "CT" / "1" / "DICOM_anon").glob("*.dcm"))


def renumber(series: list[Path], numbers: list[int]) -> None:
    for file, number in zip(series, numbers, strict=True):
        dataset = pydicom.dcmread(file)
        dataset.InstanceNumber = number
        dataset.save_as(file)


def test_volumes_come_back_as_made_with_their_geometry(ct_phantom: Path) -> None:
    items = read_dataset("chaos_ct", ct_phantom)
    assert [item["case"] for item in items] == ["1", "2", "3"]
    volume, liver = abdomen_volume(48, 12, np.random.default_rng([0, 0]))
    loaded = load("chaos_ct", items[0])
    # The volume was made with x to the left and y to the back; RAS runs to the right and to the front.
    np.testing.assert_array_equal(np.asarray(loaded["image"][0]), volume[::-1, ::-1])
    np.testing.assert_array_equal(np.asarray(loaded["label"][0]), liver[::-1, ::-1])
    np.testing.assert_allclose(loaded["image"].pixdim, CT_SPACING)
    np.testing.assert_allclose(loaded["label"].affine, loaded["image"].affine)
    first_voxel_lps = np.array(CT_ORIGIN) + (np.array(volume.shape) - 1) * CT_SPACING * np.array([1, 1, 0])
    np.testing.assert_allclose(loaded["image"].affine[:3, 3], first_voxel_lps * [-1, -1, 1])


def test_masks_follow_their_slices_whatever_the_instance_numbers(folder: Path, series: list[Path]) -> None:
    item = read_dataset("chaos_ct", folder)[0]
    before = load("chaos_ct", item)
    renumber(series, list(range(len(series), 0, -1)))
    reordered = read_dataset("chaos_ct", folder)[0]
    assert reordered["label"] == item["label"]
    after = load("chaos_ct", reordered)
    np.testing.assert_array_equal(np.asarray(after["image"]), np.asarray(before["image"]))
    np.testing.assert_array_equal(np.asarray(after["label"]), np.asarray(before["label"]))


def test_a_missing_slice_is_found(folder: Path, series: list[Path]) -> None:
    series[5].unlink()
    (folder / "Train_Sets/CT/1/Ground/liver_GT_005.png").unlink()
    with pytest.raises(DataError, match=r"i0004,0000b\.dcm and .*i0006,0000b\.dcm are 6 mm apart, others 3 mm"):
        read_dataset("chaos_ct", folder)


def test_a_duplicate_slice_is_found(folder: Path, series: list[Path]) -> None:
    shutil.copy(series[3], series[3].with_name("i0003,0001b.dcm"))
    masks = folder / "Train_Sets/CT/1/Ground"
    shutil.copy(masks / "liver_GT_003.png", masks / "liver_GT_003b.png")
    with pytest.raises(DataError, match=r"i0003,0000b\.dcm and .*i0003,0001b\.dcm lie at one place"):
        read_dataset("chaos_ct", folder)


def test_masks_follow_their_slices_whatever_the_file_names(folder: Path, series: list[Path]) -> None:
    before = load("chaos_ct", read_dataset("chaos_ct", folder)[0])
    masks = sorted((folder / "Train_Sets/CT/1/Ground").glob("*.png"))
    for files in (series, masks):
        for index, file in enumerate(files):
            file.rename(file.with_name(f"{(7 * index) % len(files):03d}_{file.name}"))
    after = load("chaos_ct", read_dataset("chaos_ct", folder)[0])
    for key in ("image", "label"):
        np.testing.assert_array_equal(np.asarray(after[key]), np.asarray(before[key]))


def test_a_truncated_slice_is_named(folder: Path, series: list[Path]) -> None:
    series[2].write_bytes(series[2].read_bytes()[:40])
    with pytest.raises(DataError, match=r"i0002,0000b\.dcm cannot be read"):
        read_dataset("chaos_ct", folder)


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        ("Ground", "DICOM_anon has no masks"),
        ("DICOM_anon", "Ground have no series"),
        ("Ground/liver_GT_002.png", "has 12 slices but 11 masks"),
    ],
)
def test_series_and_masks_must_pair(folder: Path, remove: str, message: str) -> None:
    target = folder / "Train_Sets" / "CT" / "1" / remove
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink()
    with pytest.raises(DataError, match=message):
        read_dataset("chaos_ct", folder)


def test_the_mr_cases_of_chaos_are_passed_over(folder: Path) -> None:
    (folder / "Train_Sets" / "MR" / "1" / "T2SPIR" / "DICOM_anon" / "InPhase").mkdir(parents=True)
    assert len(read_dataset("chaos_ct", folder)) == 3
