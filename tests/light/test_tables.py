"""Tables of measures: what is written can be read again, and nobody else's table is lost."""

import csv
from pathlib import Path

import pytest

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.light.measures import Measures
from monai_lwmisn.light.tables import ResultTable

ROW = {"class": 'so-called "cell", large', "objects": 2, "area_px": 1234567, "mean_diameter_px": None}
OBJECT = {"object": 1, "class": "cell", "area_px": 5}
OTHERS = {"quality": 0.123456789}


def write(path: Path, objects: int = 2, **options: bool) -> Path:
    table = ResultTable(path, **options)
    for name in ("a.png", "b, c.png"):
        table.add(Path("in") / name, Path("out") / name, Measures((ROW,), (OBJECT,) * objects), OTHERS)
    table.write()
    return table.path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "results.csv"))
    assert [row["image"] for row in rows] == ["in/a.png", "in/b, c.png"]
    assert {key: rows[0][key] for key in (*ROW, *OTHERS)} == {
        "class": ROW["class"],
        "objects": "2",
        "area_px": "1234567",
        "mean_diameter_px": "",
        "quality": "0.123457",
    }
    objects = read(tmp_path / "results_objects.csv")
    assert len(objects) == 4 and objects[0] == {"image": "in/a.png", "mask": "out/a.png"} | {
        key: str(value) for key, value in OBJECT.items()
    }


def test_only_tables_of_an_earlier_call_are_replaced(tmp_path: Path) -> None:
    write(tmp_path / "results.csv")
    write(tmp_path / "results.csv", objects=0)
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]
    for name in ("results.csv", "results_objects.csv"):
        (tmp_path / name).write_text("image,my own measure\n")
        with pytest.raises(ConfigError, match=f"{name} holds something else"):
            write(tmp_path / "results.csv")
        assert write(tmp_path / "results.csv", next_free_name=True).name == "results_2.csv"
        (tmp_path / name).unlink()
    (tmp_path / "results_2.csv").unlink()
    (tmp_path / "results_2_objects.csv").unlink()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("next_free_name", [False, True])
@pytest.mark.parametrize(
    ("name", "sentence"), [("results.txt", "ends with .csv"), ("missing/results.csv", "there is no folder")]
)
def test_a_place_that_cannot_be_written_to_is_said_at_once(
    tmp_path: Path, name: str, sentence: str, next_free_name: bool
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        ResultTable(tmp_path / name, next_free_name)


def test_without_images_an_earlier_table_stays(tmp_path: Path) -> None:
    before = write(tmp_path / "results.csv").read_bytes()
    ResultTable(tmp_path / "results.csv").write()
    assert (tmp_path / "results.csv").read_bytes() == before
