"""Datalists survive the disk and are refused when they would mix the parts."""

import copy
import json
from pathlib import Path

import pytest

from monai_lwmisn.data import read_datalist, select_parts, write_datalist
from monai_lwmisn.errors import DataError


def item(name: str, **more: object) -> dict:
    return {"image": f"/{name}.png", "label": f"/{name}_label.png", "case": name, **more}


GOOD = {"training": [item("a")], "validation": [item("b")], "test": [item("c"), item("d")], "split": {"by": "case"}}


def test_round_trip(tmp_path: Path) -> None:
    write_datalist(GOOD, tmp_path / "datalist.json")
    assert read_datalist(tmp_path / "datalist.json") == GOOD


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "datalist.json").mkdir()  # stands for any reason that the system may give
    with pytest.raises(DataError, match=r"datalist\.json cannot be written .*: free some space or change"):
        write_datalist(GOOD, tmp_path / "datalist.json")
    assert [file.name for file in tmp_path.iterdir()] == ["datalist.json"]


def test_parts_are_selected_in_order() -> None:
    assert [chosen["case"] for chosen in select_parts(GOOD, ("test", "training"))] == ["c", "d", "a"]


def test_slices_of_one_volume_may_stand_in_several_parts(tmp_path: Path) -> None:
    datalist = copy.deepcopy(GOOD)
    datalist["training"] = [item("v", slices=[0, 2])]
    datalist["test"] = [item("v", slices=[1])]
    write_datalist(datalist, tmp_path / "datalist.json")
    datalist["test"] = [item("v", slices=[1, 2])]
    with pytest.raises(DataError, match=r"/v\.png in 'training' and in 'test'"):
        write_datalist(datalist, tmp_path / "other.json")
    assert not (tmp_path / "other.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"validation": []}, "no images in its part 'validation'"),
        ({"test": None}, "no images in its part 'test'"),
        ({"test": [{"image": "/c.png", "case": "c"}]}, "an item in 'test' without 'label'"),
        ({"test": ["c"]}, "an item in 'test' without 'image'"),
        ({"test": [item("a")]}, r"/a\.png in 'training' and in 'test'"),
    ],
)
def test_what_is_no_datalist_is_refused_with_its_file(tmp_path: Path, change: dict, message: str) -> None:
    (tmp_path / "datalist.json").write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(DataError, match=message) as error:
        read_datalist(tmp_path / "datalist.json")
    assert str(tmp_path / "datalist.json") in str(error.value)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_broken_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "datalist.json").write_text(text)
    with pytest.raises(DataError, match=r"datalist\.json"):
        read_datalist(tmp_path / "datalist.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.json cannot be read"):
        read_datalist(tmp_path / "nothing.json")
