"""The fingerprint of data sets whose content is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_lwmisn.auto.fingerprint import Fingerprint, take_fingerprint
from monai_lwmisn.auto.sides import SIDES
from monai_lwmisn.errors import ConfigError, DataError
from tests.auto.data import pictures, volumes

GENERATOR = np.random.default_rng(0)


def discs(*centres: tuple[int, int], radius: int = 6, size: int = 64, values: tuple[int, ...] = ()) -> np.ndarray:
    """A label with filled discs at (row, column)."""
    rows, columns = np.indices((size, size))
    label = np.zeros((size, size), int)
    for number, (row, column) in enumerate(centres):
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        label[inside] = values[number] if values else 1
    return label


def blobs(values: tuple[int, ...] = ()) -> list[np.ndarray]:
    """Labels with three discs each, at places by chance."""
    return [discs(*[tuple(GENERATOR.integers(8, 56, 2)) for _ in range(3)], values=values) for _ in range(6)]


def ct(share_of_air: float = 0.3) -> np.ndarray:
    voxels = GENERATOR.normal(40, 10, (20, 24, 8))
    voxels[: int(20 * share_of_air)] = -1000
    return voxels.astype(np.int16)


def box(first: int = 8, size: tuple[int, int, int] = (20, 24, 8)) -> np.ndarray:
    label = np.zeros(size, int)
    label[first : first + 6, 8:16, 2:6] = 1
    return label


def test_pictures_of_one_class(tmp_path: Path) -> None:
    labels = [discs((20, 20)), discs((40, 30)), discs((30, 44)), discs((36, 22))]
    found = take_fingerprint(pictures(tmp_path, labels), progress=False)
    assert (found.dataset, found.volumetric, found.images, found.cases, found.channels) == ("folder", False, 4, 4, 3)
    assert (found.stored_type, found.coloured, found.instances) == ("uint8", 0.0, False)
    (facts,) = found.classes
    assert facts.share == pytest.approx(sum(label.sum() for label in labels) / (4 * 64 * 64))
    assert facts.diameter == pytest.approx(2 * np.sqrt(labels[0].sum() / np.pi))
    assert (facts.single, facts.pieces, facts.holes, facts.images) == (1, 1, 0, 1)
    assert facts.smallest == labels[0].sum()
    assert found.size == {"least": [64, 64], "median": [64, 64], "most": [64, 64]}
    assert found.bright_background == found.dark_foreground == 0


def test_a_line_is_thin_and_a_disc_is_not(tmp_path: Path) -> None:
    labels = []
    for row in (10, 20, 30, 40):
        label = discs((row, 50), values=(2,))
        label[row - 4 : row - 1, 2:40] = 1
        labels.append(label)
    line, disc = take_fingerprint(pictures(tmp_path, labels), progress=False).classes
    assert line.width == pytest.approx(3, abs=0.3) and disc.width == pytest.approx(13, abs=1.5)


def test_numbered_objects_are_instances_and_two_classes_are_not(tmp_path: Path) -> None:
    numbered = [discs((12, 12), (12, 44), (44, 30), values=tuple(range(1 + index, 4 + index))) for index in range(4)]
    assert take_fingerprint(pictures(tmp_path / "a", numbered), progress=False).instances
    two = [discs((12, 12), (12, 44), (44, 30), values=(1, 2, 1)) for _ in range(4)]
    found = take_fingerprint(pictures(tmp_path / "b", two), progress=False)
    assert not found.instances and list(found.label_names) == ["1", "2"]


def test_bright_backgrounds_and_dark_objects_are_seen(tmp_path: Path) -> None:
    labels = blobs()
    images = [np.where(label, 40, 200) if index < 3 else np.where(label, 200, 40) for index, label in enumerate(labels)]
    found = take_fingerprint(
        pictures(tmp_path, labels, [image + GENERATOR.integers(0, 9, image.shape) for image in images])
    )
    assert found.bright_background == found.dark_foreground == 0.5


def test_colours_of_labels_become_classes(tmp_path: Path) -> None:
    labels = [discs((12, 12), (12, 44), values=(1, 2)) for _ in range(4)]
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]])
    folder = pictures(tmp_path, [palette[label] for label in labels], [label * 50 for label in labels])
    found = take_fingerprint(folder, progress=False)
    assert found.label_colours == {"#0000ff": 1, "#ff0000": 2} and len(found.classes) == 2
    assert not found.instances and found.label_names == {"1": "blue", "2": "red"}


def test_a_palette_keeps_its_numbers(tmp_path: Path) -> None:
    folder = pictures(tmp_path, blobs())
    palette = [0, 0, 0, 200, 0, 0, 0, 100, 0]  # by colour, the second would come before the first
    for file in (folder / "labels").iterdir():
        label = discs((20, 20), (20, 44), values=(1, 2), radius=4)
        label[40:60, 4:60] = 1
        image = Image.fromarray(label.astype(np.uint8)).convert("P")
        image.frombytes(label.astype(np.uint8).tobytes())
        image.putpalette(palette)
        image.save(file)
    first, second = take_fingerprint(folder, progress=False).classes
    assert (first.value, second.value) == (1, 2) and first.share > 10 * second.share


@pytest.mark.parametrize(
    ("levels", "background", "names"),
    [
        ((0, 128, 255), None, {"1": "grey 128", "2": "grey 255"}),
        (((255, 255, 255), (255, 0, 0), (0, 128, 0)), "white", {"1": "green", "2": "red"}),
        (((255, 255, 255), (18, 52, 86), (18, 52, 86)), "white", {"1": "colour 123456"}),
    ],
)
def test_levels_of_grey_and_white_backgrounds(
    tmp_path: Path, levels: tuple, background: str | None, names: dict[str, str]
) -> None:
    labels = []
    for row in (10, 20, 30, 40):
        label = discs((row, 50), values=(2,), radius=5)
        label[row : row + 12, 4:36] = 1
        labels.append(label)
    found = take_fingerprint(
        pictures(tmp_path, [np.array(levels)[label] for label in labels], [label * 50 for label in labels])
    )
    assert found.label_names == names and not found.instances
    assert (0 in (found.label_colours or {}).values()) == (background == "white")
    shares = {facts.name: facts.share for facts in found.classes}
    whole = sum((label > 0).mean() for label in labels) / 4
    assert sum(shares.values()) == pytest.approx(whole)
    if len(names) == 2:
        assert shares[names["2" if background else "1"]] == pytest.approx(12 * 32 / 64**2)


def test_black_and_white_backgrounds_are_not_guessed(tmp_path: Path) -> None:
    labels = [np.array([[255] * 3, [0] * 3, [255, 0, 0]])[discs((row, 30), values=(2,))] for row in (20, 30, 40)]
    for label in labels:
        label[:4] = 0
    with pytest.raises(DataError, match="whether black or white is the background"):
        take_fingerprint(pictures(tmp_path, labels, [np.zeros((64, 64))] * 3))


def test_a_class_that_covers_all_is_said(tmp_path: Path) -> None:
    found = take_fingerprint(pictures(tmp_path, [1 - label for label in blobs()]), progress=False)
    (warning,) = found.warnings
    assert "foreground covers" in warning and "field of view" in warning


def test_a_class_of_few_images_is_said_and_a_vertebra_is_no_side(tmp_path: Path) -> None:
    labels = [discs((12, 20), (40, 40), (12, 44), values=(1, 2 if index < 2 else 1, 1)) for index in range(6)]
    found = take_fingerprint(pictures(tmp_path, labels), progress=False)
    assert found.warnings == [
        "class 2 is in 2 of 6 images: a part of a split may have none, and its score rests on few."
    ]
    for name, sided in (("L1", False), ("kidney L", True), ("lt_lung", True), ("cell", False)):
        assert bool(SIDES.search(name)) == sided


def test_ct_is_told_by_air_and_by_dataset_json(tmp_path: Path) -> None:
    spacing = [(1.0, 1.0, 3.0)] * 4
    with_air = volumes(tmp_path / "a", [box()] * 4, [ct() for _ in range(4)], spacing)
    cut = volumes(tmp_path / "b", [box()] * 4, [ct(0) for _ in range(4)], spacing)
    assert take_fingerprint(with_air, progress=False).modality == "CT"
    assert take_fingerprint(cut, progress=False).modality == "MR"
    (cut / "dataset.json").write_text(
        json.dumps({"channel_names": {"0": "CT"}, "numTraining": 4, "labels": {"liver": 1}})
    )
    found = take_fingerprint(cut, progress=False)
    assert found.modality == "CT" and found.label_names == {"1": "liver"}
    assert found.foreground_values[0]["50"] == pytest.approx(40, abs=2)


@pytest.mark.parametrize(("spacing", "axis"), [((1, 1, 3), 2), ((1, 4, 1), 1), ((5, 1, 1), 0), ((1.2, 1, 1), 2)])
def test_slices_are_taken_across_the_largest_spacing(
    tmp_path: Path, spacing: tuple[float, float, float], axis: int
) -> None:
    folder = volumes(tmp_path, [box()] * 3, [ct(0) for _ in range(3)], [spacing] * 3)
    found = take_fingerprint(folder, progress=False)
    assert found.slice_axis == axis and found.anisotropy == pytest.approx(max(spacing))
    # The box is 6 x 8 x 4 of 20 x 24 x 8 voxels, in 3 volumes.
    across = [(60, 18), (72, 24), (24, 12)][axis]
    assert axis not in found.plane and (found.slices, found.slices_with_foreground) == across
    assert found.warnings == []


def test_left_and_right_are_seen_by_place_and_by_name(tmp_path: Path) -> None:
    pair = box(2) + 2 * box(12)
    images, spacing = [ct(0) for _ in range(6)], [(1.0, 1.0, 1.0)] * 6
    by_place = take_fingerprint(volumes(tmp_path / "a", [pair] * 6, images, spacing), progress=False)
    assert "class 1 and class 2 lie in one order from left to right" in by_place.sides["0"]
    assert "1" not in by_place.sides
    swapped = [pair if index % 2 else box(12) + 2 * box(2) for index in range(6)]
    assert "0" not in take_fingerprint(volumes(tmp_path / "b", swapped, images, spacing), progress=False).sides
    (tmp_path / "b" / "dataset.json").write_text(
        json.dumps({"numTraining": 6, "labels": {"background": 0, "kidney_left": 1, "kidney_right": 2}})
    )
    assert "name of a side" in take_fingerprint(tmp_path / "b", progress=False).sides["0"]


def test_an_organ_on_one_side_has_a_side(tmp_path: Path) -> None:
    images, spacing = [ct(0) for _ in range(6)], [(1.0, 1.0, 1.0)] * 6
    labels = [box(1 + index % 2) for index in range(6)]
    assert "foreground lies on one side" in take_fingerprint(volumes(tmp_path, labels, images, spacing)).sides["0"]


def test_channels_in_files_and_a_given_test_part(tmp_path: Path) -> None:
    for part, cases in (("Tr", "abc"), ("Ts", "d")):
        for kind in ("images", "labels"):
            (tmp_path / f"{kind}{part}").mkdir()
        for case in cases:
            made = volumes(tmp_path / case, [box()], [ct()], [(1.0, 1.0, 2.0)])
            for channel in range(2):
                name = f"{case}_{channel:04d}.nii.gz"
                (tmp_path / f"images{part}" / name).write_bytes((made / "images" / "scana.nii.gz").read_bytes())
            (made / "labels" / "scana.nii.gz").rename(tmp_path / f"labels{part}" / f"{case}.nii.gz")
    found = take_fingerprint(tmp_path, progress=False)
    assert (found.channels, found.channel_files, found.given) == (2, 2, {"training": 3, "test": 1})
    assert len(found.values) == 2
    assert found.to_text().splitlines()[2] == "4 volumes of CT, 1 class, 2 channels, 1x1x2 mm; sliced axially."


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    found = take_fingerprint(pictures(tmp_path / "data", blobs()), progress=False)
    found.save(tmp_path / "fingerprint.json")
    assert Fingerprint.load(tmp_path / "fingerprint.json") == found
    (tmp_path / "fingerprint.json").write_text("{}")
    with pytest.raises(ConfigError, match="is no fingerprint"):
        Fingerprint.load(tmp_path / "fingerprint.json")


def test_bad_data_get_the_sentence_of_their_check(tmp_path: Path) -> None:
    folder = pictures(tmp_path, blobs())
    (folder / "labels" / "scana.png").unlink()
    with pytest.raises(DataError, match=r"scana\.png has no label"):
        take_fingerprint(folder)
    empty = pictures(tmp_path / "empty", [np.zeros((32, 32), int)] * 3)
    with pytest.raises(DataError, match="has any foreground"):
        take_fingerprint(empty)
    gaps = volumes(tmp_path / "gaps", [4 * box()] * 3, [ct()] * 3, [(1.0, 1.0, 1.0)] * 3)
    with pytest.raises(DataError, match="number their classes 1, 2"):
        take_fingerprint(gaps)


def test_what_the_user_decides_is_not_guessed(tmp_path: Path) -> None:
    folder = pictures(tmp_path, blobs())
    asked = {"data.label_names": {"1": "nucleus"}, "data.group_by": "scan", "train.epochs": 3}
    found = take_fingerprint(folder, asked, progress=False)
    assert found.label_names == {"1": "nucleus"}
    assert found.cases == 1
    with pytest.raises(ConfigError, match=r"data\.group_by"):
        take_fingerprint(folder, {"data.group_by": "patient"}, progress=False)
    with pytest.raises(ConfigError, match=r"data\.instances cannot be set"):
        take_fingerprint(folder, {"data.instances": "perhaps"}, progress=False)


def test_labels_as_jpeg_are_refused_with_the_reason(tmp_path: Path) -> None:
    folder = pictures(tmp_path, [label * 60 for label in blobs()])
    for file in sorted((folder / "labels").iterdir()):
        Image.open(file).save(file.with_suffix(".jpg"))
        file.unlink()
    with pytest.raises(DataError, match="JPEG changes values: save labels as PNG"):
        take_fingerprint(folder, progress=False)
