"""The check of a data set finds labels that a training would see otherwise than their files have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from monai_lwmisn.config import resolve
from monai_lwmisn.data.data_report import DataReport
from monai_lwmisn.data.derived_settings import derive_settings
from monai_lwmisn.data.label_checks import stored_counts
from monai_lwmisn.errors import DataError
from tests.data.formats import check

TWO = {"1": "inside", "2": "border"}


def discs(seed: int, number: int = 6) -> np.ndarray:
    """Numbered discs (40, 60) that do not touch."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :60]
    label = np.zeros((40, 60), np.uint8)
    for index in range(number):
        row, column = 7 + 13 * (index // 4) + generator.integers(0, 3), 7 + 14 * (index % 4) + generator.integers(0, 3)
        label[(rows - row) ** 2 + (columns - column) ** 2 < 20] = index + 1
    return label


def pictures(folder: Path, label_of: Callable[[np.ndarray], np.ndarray], name: str = ".png", cases: int = 4) -> Path:
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for seed in range(cases):
        numbers = discs(seed, 4 + seed % 3)
        Image.fromarray(np.where(numbers, 200, 20).astype(np.uint8)).save(folder / "images" / f"{seed}.png")
        if name == ".tif":
            tifffile.imwrite(folder / "labels" / f"{seed}.tif", label_of(numbers))
        else:
            Image.fromarray(label_of(numbers)).save(folder / "labels" / f"{seed}{name}")
    return folder


def nuclei(folder: Path, **settings: Any) -> DataReport:
    return check("folder", folder, preset="nuclei", **settings)


def bordered(numbers: np.ndarray) -> np.ndarray:
    inside = np.pad(numbers, 1)
    inner = np.all([inside[1:-1, :-2], inside[1:-1, 2:], inside[:-2, 1:-1], inside[2:, 1:-1], numbers], axis=0)
    return np.where(numbers, np.where(inner, 1, 2), 0).astype(np.uint8)


@pytest.mark.parametrize(
    "label_of",
    [
        lambda numbers: (numbers > 0).astype(np.uint8),
        lambda numbers: np.where(numbers, 255, 0).astype(np.uint8),
        lambda numbers: numbers > 0,
        lambda numbers: numbers,
        lambda numbers: np.dstack([numbers * 0, numbers * 0, numbers]),
        lambda numbers: np.dstack([numbers, numbers * 7, 250 - numbers]) * (numbers[..., None] > 0),
    ],
)
def test_one_class_may_be_written_in_many_ways(tmp_path: Path, label_of: Callable) -> None:
    report = nuclei(pictures(tmp_path, label_of))
    assert report.problems == [] and len(report.items) == 4
    expected = np.mean([discs(seed, 4 + seed % 3) > 0 for seed in range(4)])
    assert report.label_shares[1] == pytest.approx(expected)


def test_numbered_objects_of_16_bits_are_one_class(tmp_path: Path) -> None:
    assert nuclei(pictures(tmp_path, lambda numbers: numbers.astype(np.uint16) * 300, ".tif")).problems == []


def test_two_classes_are_not_made_one(tmp_path: Path) -> None:
    (problem,) = nuclei(pictures(tmp_path, bordered)).problems
    assert "has the values 1, 2, but there is one class, nucleus (labels like it: 4): name each" in problem
    assert '--set \'data.label_names={"1": "nucleus", "2": "class 2"}\' --set data.instances=false' in problem
    assert nuclei(tmp_path, label_names=TWO, instances=False).problems == []
    (problem,) = nuclei(
        pictures(tmp_path / "grey", lambda numbers: bordered(numbers) * np.uint8(127)),
    ).problems
    assert "has the values 127, 254" in problem and "number them 1, 2, ..." in problem


def test_a_value_in_each_label_that_is_one_region_is_a_class_too(tmp_path: Path) -> None:
    """As the left and the right lung are."""
    (problem,) = nuclei(pictures(tmp_path, lambda numbers: np.minimum(numbers, 2) * (numbers < 3))).problems
    assert "has the values 1, 2, but there is one class" in problem


def test_a_second_value_in_few_masks_is_no_object(tmp_path: Path) -> None:
    """One square of another value beside many objects of one value, in two of six labels."""
    marked = iter([True, False, True, False, False, False])

    def label_of(numbers: np.ndarray) -> np.ndarray:
        label = np.where(numbers, 255, 0).astype(np.uint8)
        label[34:38, 2:6] = 128 if next(marked) else 0
        return label

    report = nuclei(pictures(tmp_path, label_of, cases=6))
    (problem,) = report.problems
    assert "labels/0.png has the values 128, 255, but there is one class, nucleus (labels like it: 2)" in problem
    assert len(report.items) == 4
    data = resolve("nuclei", "light", {"data.dataset": "folder", "data.instances": False})["evaluate"]["data"]
    with pytest.raises(DataError, match="have the values 128, 255 besides 0: number their classes"):
        derive_settings({**data, "label_names": None}, tmp_path)


def test_two_regions_of_two_values_among_masks_are_no_objects(tmp_path: Path) -> None:
    """The label alone could number two objects, but the others are masks."""
    marked = iter([True, False, False, False])

    def label_of(numbers: np.ndarray) -> np.ndarray:
        if next(marked):
            return np.array([0, 128, 255, 0, 0, 0, 0], np.uint8)[numbers]
        return np.where(numbers, 255, 0).astype(np.uint8)

    (problem,) = nuclei(pictures(tmp_path, label_of)).problems
    assert "labels/0.png has the values 128, 255, but there is one class" in problem


def test_labels_of_one_value_each_are_of_the_same(tmp_path: Path) -> None:
    """As where each picture shows one kind of lesion, which its label numbers."""
    kind = iter([1, 2, 1, 2])
    (problem,) = nuclei(pictures(tmp_path, lambda numbers: (numbers > 0).astype(np.uint8) * next(kind))).problems
    assert problem.startswith("The labels have one value each, but not the same, as 1 in ") and "2 in " in problem
    data = resolve("nuclei", "light", {"data.dataset": "folder", "data.instances": False})["evaluate"]["data"]
    derived = derive_settings({**data, "label_names": None}, tmp_path)
    assert derived == {"data.label_names": {"1": "class 1", "2": "class 2"}}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("both", [True, False])
def test_images_that_are_turned_and_labels_that_are_not_are_said_once(tmp_path: Path, suffix: str, both: bool) -> None:
    pictures(tmp_path, lambda numbers: (numbers > 0).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = 3  # by half a turn
    for file in sorted(tmp_path.glob("*/*.png")):
        if file.parent.name == "images" or both:
            picture = Image.open(file).copy()
            file.unlink()
            picture.save(file.with_suffix(suffix if file.parent.name == "images" else ".png"), exif=exif)
    report = nuclei(tmp_path)
    said = [sentence for sentence in report.warnings if "EXIF orientation" in sentence]
    assert report.problems == [] and len(said) == (0 if both else 1)
    assert both or said[0].startswith("4 images have an EXIF orientation and their labels have none: ")


def test_smoothed_masks_are_named(tmp_path: Path) -> None:
    def smoothed(numbers: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(0).integers(0, 9, numbers.shape)
        return np.abs(np.where(numbers, 255, 0) - noise).astype(np.uint8)

    (problem,) = nuclei(pictures(tmp_path, smoothed)).problems
    assert "values besides 0 that number no objects, as smoothing or JPEG" in problem


def test_a_class_without_a_label_is_named_where_it_is_to_be_learned(tmp_path: Path) -> None:
    pictures(tmp_path, lambda numbers: (numbers > 0).astype(np.uint8))
    (problem,) = nuclei(tmp_path, label_names=TWO, instances=False).problems
    assert problem.startswith("No label has the value 2 (border): take it out of data.label_names")


@pytest.mark.parametrize("values", [[0, -1], [0, 0.5], [0, np.nan]])
def test_values_that_are_no_numbers_of_classes_are_named(tmp_path: Path, values: list[float]) -> None:
    pictures(tmp_path, lambda numbers: np.array(values, np.float32)[(numbers > 0).astype(int)], ".tif")
    (problem,) = nuclei(tmp_path).problems
    assert f"has the value {values[1]:g}, but the classes" in problem


def test_the_colours_of_labels_are_shown(tmp_path: Path) -> None:
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    pictures(tmp_path, lambda numbers: colours[bordered(numbers)])
    report = nuclei(tmp_path)
    assert set(report.label_colours) == {"#000000", "#0000ff", "#ff0000"}
    assert "label colours: #000000: " in report.to_text()
    assert "has the values #0000ff, #ff0000, but there is one class" in report.problems[0]
    unclear = nuclei(tmp_path, label_names=TWO, instances=False)
    assert len(unclear.problems) == 4 and "not clear which class each is" in unclear.problems[0]
    named = nuclei(tmp_path, label_names=TWO, instances=False, label_colours={"#ff0000": 1, "#0000ff": 2})
    assert named.problems == []
    grey = nuclei(pictures(tmp_path / "grey", bordered), label_names=TWO, instances=False)
    assert named.label_shares == grey.label_shares


def test_labels_of_nets_are_no_objects(tmp_path: Path) -> None:
    net = np.ones((40, 60), np.uint8)
    net[1:39, 1:59] = 0
    net[::10] = net[:, ::10] = 1
    pictures(tmp_path, lambda numbers: net)
    (problem,) = nuclei(tmp_path).problems
    assert "no filled objects" in problem and problem.endswith("set data.instances=false.")
    assert nuclei(tmp_path, instances=False).problems == []


def volumes(folder: Path, affine: np.ndarray, label_affine: np.ndarray, flip: bool = False, channels: int = 0) -> Path:
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for index in range(3):
        generator = np.random.default_rng(index)
        label = np.zeros((9, 8, 5), np.uint8)
        label[2:5, 1:4, 1:3] = 1
        image = generator.normal(300, 40, (9, 8, 5, channels) if channels else (9, 8, 5)).astype(np.float32)
        stored = label[::-1] if flip else label
        nibabel.save(nibabel.Nifti1Image(image, affine), folder / "images" / f"{index}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(stored, label_affine), folder / "labels" / f"{index}.nii.gz")
    return folder


AFFINE = np.array([[-1, 0, 0, 20], [0, -1.2, 0, 18], [0, 0, 3, -5], [0, 0, 0, 1.0]])


def changed(**entries: float) -> np.ndarray:
    affine = AFFINE.copy()
    for place, value in entries.items():
        affine[int(place[1]), int(place[2])] = value
    return affine


@pytest.mark.parametrize(
    ("label_affine", "offset"),
    [(changed(a03=27), 7), (changed(a22=5), 8), (changed(a00=1), 8), (np.eye(4), (12**2 + 11**2 + 5**2) ** 0.5)],
)
def test_a_label_elsewhere_than_its_image_is_named(tmp_path: Path, label_affine: np.ndarray, offset: float) -> None:
    report = check("folder", volumes(tmp_path, AFFINE, label_affine), preset="prostate_mr")
    assert len(report.problems) == 3 and report.items == []
    assert f"corners are up to {offset:.4g} mm apart" in report.problems[0]


def test_rounding_and_another_order_of_voxels_are_no_other_place(tmp_path: Path) -> None:
    near = changed(a03=20.001, a13=17.999)
    assert check("folder", volumes(tmp_path / "near", AFFINE, near), preset="prostate_mr").problems == []
    mirrored = changed(a00=1, a03=20 - 8)
    report = check("folder", volumes(tmp_path / "order", AFFINE, mirrored, flip=True), preset="prostate_mr")
    assert report.problems == []


def test_channels_that_the_preset_does_not_have_are_named_before_training(tmp_path: Path) -> None:
    volumes(tmp_path, AFFINE, AFFINE, channels=4)
    (problem,) = check("folder", tmp_path, preset="prostate_mr").problems
    assert problem == "The images have 4 channels and data.in_channels is 1: set data.in_channels=4, as in " + (
        "--set data.in_channels=4."
    )
    assert check("folder", tmp_path, preset="prostate_mr", in_channels=4).problems == []
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 8, 5), np.float32), AFFINE), tmp_path / "images" / "1.nii.gz")
    (problem,) = check("folder", tmp_path, preset="prostate_mr", in_channels=4).problems
    assert "images/1.nii.gz has 1 channel and others have 4" in problem
    assert "as all pictures" in nuclei(pictures(tmp_path / "p", lambda one: one), in_channels=1).problems[0]


def test_a_class_that_the_grid_of_the_training_loses_is_named(tmp_path: Path) -> None:
    volumes(tmp_path, AFFINE, AFFINE)
    coarse = [{"_target_": "Resized", "keys": ["image", "label"], "spatial_size": [1, 1, 5], "mode": "nearest"}]
    (problem,) = check("folder", tmp_path, preset="prostate_mr", spatial=coarse).problems
    assert "data.spatial leave nothing of the value 1" in problem


def test_warnings_of_the_loading_are_shown(tmp_path: Path) -> None:
    volumes(tmp_path, AFFINE, AFFINE)
    report = check("folder", tmp_path)  # as CT
    assert report.problems == [] and len(report.warnings) == 3
    assert "warning: " in report.to_text() and "does not look like CT" in report.warnings[0]


def test_stored_counts_are_those_of_the_array(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4, (6, 5)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values)
    Image.fromarray(values).save(tmp_path / "a.png")
    expected = {value: int((values == value).sum()) for value in range(4)}
    for name in ("a.tif", "a.png"):
        assert stored_counts(str(tmp_path / name)) == expected
    assert stored_counts([str(tmp_path / "a.tif"), str(tmp_path / "a.png")]) == {
        value: 2 * count for value, count in expected.items()
    }
    assert stored_counts(str(tmp_path)) is None
