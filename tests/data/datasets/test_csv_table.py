"""A CSV table of images and labels."""

from pathlib import Path

import pytest

from monai_lwmisn.data import read_dataset, split_datalist
from monai_lwmisn.data.datasets import recognise_dataset
from monai_lwmisn.errors import DataError


def table(folder: Path, *lines: str, name: str = "table.csv") -> Path:
    """Write a table, and the files a to f in the folders x and y."""
    for kind in "xy":
        (folder / kind).mkdir(exist_ok=True)
        for case in "abcdef":
            (folder / kind / f"{case}.png").touch()
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_are_read_by_name_in_any_order(tmp_path: Path, delimiter: str) -> None:
    rows = [("Label", "note", "Image", "group"), ("y/a.png", "1", "x/b.png", "g"), ("y/c.png", "", "x/a.png", "")]
    path = table(tmp_path, *(delimiter.join(row) for row in rows))
    first, second = read_dataset("csv", path)
    assert (first["image"], first["label"]) == (str(tmp_path / "x/b.png"), str(tmp_path / "y/a.png"))
    assert (first["case"], first["group"], second["case"], second["group"]) == ("b", "g", "a", "a")
    assert read_dataset("csv", tmp_path) == [first, second]
    assert recognise_dataset(tmp_path) == recognise_dataset(path) == "csv"


def test_usual_names_of_columns_and_equal_names_of_files(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        for name in ("image.nii", "truth.nii"):
            (tmp_path / patient).mkdir(exist_ok=True)
            (tmp_path / patient / name).touch()
    lines = ["Scan,Mask,Patient_ID,Split", "p1/image.nii,p1/truth.nii,7,train", "p2/image.nii,p2/truth.nii,8,test"]
    items = read_dataset("csv", table(tmp_path, *lines))
    assert [(item["case"], item["group"], item["part"]) for item in items] == [
        ("p1_image", "7", "training"), ("p2_image", "8", "test"),
    ]  # fmt: skip


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "file,annotator", "x/a.png,me")
    with pytest.raises(DataError, match="has the columns file, annotator, and none of images and of labels"):
        read_dataset("csv", path)
    (tmp_path / "alone").mkdir()
    path.rename(tmp_path / "alone" / "table.csv")
    with pytest.raises(DataError, match="table.csv has the columns file, annotator, .*: name the columns"):
        recognise_dataset(tmp_path / "alone")


def test_channels_and_parts(tmp_path: Path) -> None:
    lines = [f"x/{case}.png|x/{other}.png,y/{case}.png,{part}" for case, other, part in
             [("a", "d", "train"), ("b", "e", "val"), ("c", "f", "test")]]  # fmt: skip
    items = read_dataset("csv", table(tmp_path, "image,label,part", *lines))
    assert items[0]["image"] == [str(tmp_path / "x/a.png"), str(tmp_path / "x/d.png")]
    datalist = split_datalist(items)
    assert {part: [item["case"] for item in datalist[part]] for part in ("training", "validation", "test")} == {
        "training": ["a"],
        "validation": ["b"],
        "test": ["c"],
    }


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("x/z.png,y/a.png,", "line 2, names .*x/z.png, which does not exist"),
        ("x/a.png,,", "line 2, names .*, which does not exist"),
        ("x/a.png,y/a.png,other", "line 2, has the part 'other': use one of training"),
        ("x/b.png,y/b.png,", "line 3, has an image that an earlier line has"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    path = table(tmp_path, "image,label,part", line, "x/b.png,y/b.png,train")
    with pytest.raises(DataError, match=sentence):
        read_dataset("csv", path)


def test_other_tables_are_no_data_set(tmp_path: Path) -> None:
    table(tmp_path, "image,label", "x/a.png,cat", name="classes.csv")
    table(tmp_path, "image,dice", "x/a.png,0.9", name="results.csv")
    (tmp_path / "damaged.csv").write_bytes(b"image,label\n\xff\xfe")
    with pytest.raises(DataError, match=r"No images with labels are found|Nothing"):
        recognise_dataset(tmp_path / "x")
    table(tmp_path, "image,label", "x/a.png,y/a.png")
    with pytest.raises(DataError, match=r"has the tables classes.csv, table.csv: give the path"):
        read_dataset("csv", tmp_path)
