"""One's own data in ``images/`` and ``labels/``, in every format that is read."""

import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from monai.transforms import LoadImage
from PIL import Image

from monai_lwmisn.data import read_dataset
from monai_lwmisn.errors import DataError, InputWarning
from monai_lwmisn.inference.readers import LabelReader, PictureReader, VolumeReader


def write(path: Path, array: np.ndarray) -> None:
    """Write an array (x, y[, z])."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if array.ndim == 2:
        Image.fromarray(array.T).save(path)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T)), str(path))


@pytest.mark.parametrize(
    "suffix", [".png", ".tif", ".tiff", ".bmp", ".nii", ".nii.gz", ".hdr", ".nrrd", ".nhdr", ".mhd", ".mha"]
)
def test_every_format_comes_back_as_written(tmp_path: Path, suffix: str) -> None:
    shape = (9, 7) if suffix in (".png", ".tif", ".tiff", ".bmp") else (9, 7, 5)
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, shape, dtype=np.uint8)
    label = generator.integers(0, 2, shape, dtype=np.uint8)
    write(tmp_path / "images" / f"case.1{suffix}", image)
    write(tmp_path / "labels" / f"case.1{suffix}", label)
    (tmp_path / "images" / "notes.txt").write_text("no image")
    (item,) = read_dataset("folder", tmp_path)
    assert item["case"] == item["group"] == "case.1"
    reader = PictureReader() if image.ndim == 2 else VolumeReader()
    loaded_image = LoadImage(reader=reader, ensure_channel_first=True)(item["image"])
    loaded_label = LoadImage(reader=LabelReader(), ensure_channel_first=True)(item["label"])
    np.testing.assert_array_equal(np.asarray(loaded_image[0]), image)
    np.testing.assert_array_equal(np.asarray(loaded_label[0]), label)


def test_image_and_label_may_differ_in_format(tmp_path: Path) -> None:
    write(tmp_path / "images" / "a.nii.gz", np.zeros((4, 4, 4), np.uint8))
    write(tmp_path / "labels" / "a.mha", np.zeros((4, 4, 4), np.uint8))
    (item,) = read_dataset("folder", tmp_path)
    assert item["label"].endswith("labels/a.mha")


def test_images_of_other_formats_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "labels/a.png", "images/notes.txt")
    for name in ("images/b.gif", "labels/b.jp2"):
        (tmp_path / name).write_bytes(b"\x89\0")
    pairs, said = read(tmp_path)
    assert len(pairs) == 1 and said.startswith("Passed over 2 entries of")
    assert "images/b.gif, labels/b.jp2 (not PNG, TIFF, JPEG, BMP, NIfTI, NRRD or MetaImage)" in said


def test_images_and_labels_must_pair(tmp_path: Path) -> None:
    for name in ("images/a.png", "labels/a.png", "images/b.png", "labels/c.png"):
        write(tmp_path / name, np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match=r"b\.png has no label.*\(1 more"):
        read_dataset("folder", tmp_path)
    (tmp_path / "images" / "b.png").unlink()
    with pytest.raises(DataError, match=r"c\.png has no image"):
        read_dataset("folder", tmp_path)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def read(folder: Path) -> tuple[list[tuple[str, str, str]], str]:
    """Image, label and case of each item, and what was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        items = read_dataset("folder", folder)
    pairs = [(*(os.path.relpath(item[key], folder) for key in ("image", "label")), item["case"]) for item in items]
    said = " ".join(str(warning.message) for warning in caught if warning.category is InputWarning)
    return pairs, said.replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("files", "pairs", "said"),
    [
        (["image/a.png", "masks/a.png"], [("image/a.png", "masks/a.png", "a")], "image as images and masks as labels"),
        (
            ["Images/a.png", "Annotations/a_mask.png"],
            [("Images/a.png", "Annotations/a_mask.png", "a")],
            "Annotations as labels",
        ),
        (
            ["images/01_dr.JPG", "manual1/01_dr.tif", "mask/01_dr_mask.tif"],
            [("images/01_dr.JPG", "manual1/01_dr.tif", "01_dr")],
            "mask (manual1/ is used)",
        ),
        (
            ["images/21_training.tif", "1st_manual/21_manual1.gif", "2nd_manual/21_manual2.gif", "mask/21_mask.gif"],
            [("images/21_training.tif", "1st_manual/21_manual1.gif", "21")],
            "(1st_manual/ is used)",
        ),
        (
            ["img/img0001.nii.gz", "label/label0001.nii.gz"],
            [("img/img0001.nii.gz", "label/label0001.nii.gz", "img0001")],
            "label as labels",
        ),
        (
            ["Image_01L.jpg", "Image_01L_1stHO.png", "Image_01L_2ndHO.png"],
            [("Image_01L.jpg", "Image_01L_1stHO.png", "Image_01L")],
            "the labels beside them",
        ),
        (
            ["imagesTr/h_01_0000.nii.gz", "labelsTr/h_01.nii.gz", "imagesTs/h_02_0000.nii.gz", "dataset.json"],
            [("imagesTr/h_01_0000.nii.gz", "labelsTr/h_01.nii.gz", "h_01")],
            "imagesTr as images",
        ),
        (
            ["b_img.tif", "b_masks.tif", "a.png", "a_cp_masks.png", "a_flows.tif", "a_seg.npy"],
            [("a.png", "a_cp_masks.png", "a"), ("b_img.tif", "b_masks.tif", "b")],
            "the labels beside them",
        ),
        (
            ["only/imgs/a.png", "only/gt/a.png", "notes/readme.txt"],
            [("only/imgs/a.png", "only/gt/a.png", "a")],
            "only/imgs as images",
        ),
        (
            ["images/a_0000.png", "images/a_0001.png", "labels/a_0000.png", "labels/a_0001.png"],
            [(f"images/a_000{n}.png", f"labels/a_000{n}.png", f"a_000{n}") for n in (0, 1)],
            "",
        ),
        (["images/a.png", "labels/a.png", "masks/a.png"], [("images/a.png", "labels/a.png", "a")], "labels/ is used"),
        (
            ["images/a.png", "labels/a.png", "images/more/b.png"],
            [("images/a.png", "labels/a.png", "a")],
            "images/more (put its files into images/ itself)",
        ),
        (
            ["images/a.png", "labels/a.png", "images/._a.png", "images/Thumbs.db"],
            [("images/a.png", "labels/a.png", "a")],
            "images/._a.png (hidden); images/Thumbs.db (of the system)",
        ),
    ],
)
def test_the_names_of_other_tools_are_read_and_said(
    tmp_path: Path, files: list[str], pairs: list[tuple[str, str, str]], said: str
) -> None:
    touch(tmp_path, *files)
    found, sentence = read(tmp_path)
    assert found == pairs
    assert said in sentence and bool(said) == bool(sentence)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            [f"{part}/{kind}/{name}.png" for part in "AB" for kind in ("images", "masks") for name in "ab"],
            "in each of A, B: name the folders train",
        ),
        (
            [f"{part}/{kind}/a.png" for part in ("train", "training", "test") for kind in ("images", "masks")],
            "two folders of the part training",
        ),
        (["images/a.png", "mask/a.png", "annotations/a.png"], "annotations, mask, of which one is meant: name that"),
        (
            [f"images/{name}.png" for name in ("a_0000", "a_0001", "b_0000")] + ["labels/a.png", "labels/b.png"],
            "The image b has not the channels of the others .1.: complete it",
        ),
        (
            ["images/a.png", "annotations/instances.json"],
            "annotations are JSON, as the polygons of COCO or LabelMe, which are not read: draw them",
        ),
        (
            ["images/a.png", "masks/left/a.png", "masks/right/a.png"],
            "a folder of masks for each of left, right: save one label",
        ),
        (["images/a.png", "images/a.tif", "labels/a.png"], "images/a.png and a.tif have one name: rename"),
        (["images/a.png", "labels/a.png", "labels/a.tif"], "labels/a.png and a.tif have one name: rename"),
        (["1/images/1.png", "1/masks/a.png", "2/images/2.png", "2/masks/b.png"], "add --set data.dataset=dsb2018"),
        (["1/DICOM_anon/a.dcm", "1/Ground/a.png"], "add --set data.dataset=chaos_ct"),
        (["dataset.json"], "dataset.json, .*: add --set data.dataset=msd"),
        (["a.png", "b.png"], "should hold images/ and labels/"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_to_do(tmp_path: Path, files: list[str], sentence: str) -> None:
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=sentence):
        read_dataset("folder", tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        [f"{part}/{kind}/a.png" for part in ("train", "val", "test") for kind in ("images", "masks")],
        [f"{kind}/{part}/a.png" for part in ("train", "val", "test") for kind in ("images", "labels")],
        [f"{part}/a{end}.png" for part in ("train", "val", "test") for end in ("", "_masks")],
        [f"{part}_{kind}/a.png" for part in ("train", "val", "test") for kind in ("images", "masks")],
    ],
)
def test_given_parts_are_kept(tmp_path: Path, files: list[str]) -> None:
    touch(tmp_path, *files)
    with pytest.warns(InputWarning, match="as images of the part test"):
        items = read_dataset("folder", tmp_path)
    assert {(item["part"], item["case"]) for item in items} == {
        (part, f"{part}_a") for part in ("training", "validation", "test")
    }
    for item in items:
        assert item["image"] != item["label"]
        folder = {"training": "train", "validation": "val", "test": "test"}[item["part"]]
        assert all(re.search(rf"/{folder}[/_]", item[key]) for key in ("image", "label"))


def test_the_test_images_of_nnu_net_are_the_test_part_if_they_have_labels(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{kind}{part}/{part}{end}.nii.gz" for part in ("Tr", "Ts") for kind, end in KINDS))
    with pytest.warns(InputWarning, match="imagesTs as images of the part test"):
        items = read_dataset("folder", tmp_path)
    assert [(item["case"], item["part"]) for item in items] == [("Tr", "training"), ("Ts", "test")]


KINDS = (("images", "_0000"), ("labels", ""))


@pytest.mark.parametrize("ends", [("_0000", "_0001", "_0010"), ("_c1", "_c2", "_c3"), ("-ch0", "-ch1", "-ch2")])
def test_the_files_of_channels_are_joined(tmp_path: Path, ends: tuple[str, ...]) -> None:
    touch(tmp_path, *(f"imagesTr/{case}{end}.nii" for case in "ab" for end in reversed(ends)))
    touch(tmp_path, "labelsTr/a.nii", "labelsTr/b.nii")
    with pytest.warns(InputWarning, match="as the 3 channels of an image"):
        items = read_dataset("folder", tmp_path)
    assert [item["case"] for item in items] == ["a", "b"]
    for item in items:
        assert [Path(file).name for file in item["image"]] == [f"{item['case']}{end}.nii" for end in ends]


@pytest.mark.parametrize("dataset", ["dsb2018", "chaos_ct", "promise12", "msd", "csv"])
def test_another_format_is_recognised(tmp_path: Path, dataset: str) -> None:
    touch(tmp_path, "image/a.png", "label/a.png")
    with pytest.raises(DataError, match=rf"image/ and label/, .* format '{dataset}': add --set data.dataset=folder"):
        read_dataset(dataset, tmp_path)


def test_a_dead_link_costs_its_own_pair_only(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "labels/a.png")
    for kind in ("images", "labels"):
        (tmp_path / kind / "b.png").symlink_to("../.git/annex/objects/b.png")
    pairs, said = read(tmp_path)
    assert [case for *_, case in pairs] == ["a"] and "images/b.png, labels/b.png (dead link)" in said
