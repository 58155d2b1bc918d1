"""The command that looks at data and decides."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monai_lwmisn.cli.program import main
from monai_lwmisn.config import load_preset
from tests.auto.data import pictures


def labels() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(8):
        label = np.zeros((48, 48), int)
        row, column = generator.integers(4, 30, 2)
        label[row : row + 12, column : column + 12] = 1
        found.append(label)
    return found


def test_a_preset_of_ones_own_data_is_searched_with_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, preset, run = pictures(tmp_path / "data", labels()), tmp_path / "mine.json", tmp_path / "run"
    assert main(["init", str(data), "-o", str(preset), "--quick", "--size", "0.1M", "--time", "5m"]) == 0
    said = capsys.readouterr().out
    assert "8 pictures (grey), 1 class, 48x48 pixels, uint8." in said and "`train.epochs` = " in said
    assert load_preset(str(preset))["search"]["budget_params"] == 100_000
    command = ["search", "--preset", str(preset), "--data", str(data), "--out", str(run), "--strategy", "random"]
    # The network of the shipped bundle that it begins with has no cells.
    assert main(command) == 2 and "so there are no cells to draw" in capsys.readouterr().err
    assert main([*command, "--set", "search.shape=drawn"]) == 0
    datalist = json.loads((run / "datalist.json").read_text())
    assert datalist["split"]["folds"] == 5 and len(datalist["test"]) in (1, 2)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--time", "soon"], "The time 'soon' is not understood: write for example"),
        (["--latency", "fast"], "--latency fast is not understood: write for example 5ms"),
        (["--size", "small"], "--size small is not understood: write for example 0.1M"),
        (["--folds", "0"], "give 1 for one split, or more"),
    ],
)
def test_a_wish_that_cannot_be_read_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert main(["init", str(tmp_path), "-o", str(tmp_path / "mine.json"), *options]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "mine.json").exists()


def test_a_preset_that_is_there_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.json").write_text("changed by hand")
    assert main(["init", str(tmp_path), "-o", str(tmp_path / "mine.json")]) == 2
    assert "mine.json exists" in capsys.readouterr().err
    assert (tmp_path / "mine.json").read_text() == "changed by hand"


def test_auto_takes_the_wishes_and_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict = {}

    def record(data: Path, out: Path, wishes: object, **others: object) -> None:
        given.update(data=data, out=out, wishes=wishes, **others)

    monkeypatch.setattr("monai_lwmisn.auto.pipeline.auto", record)
    options = [
        "--time",
        "30m",
        "--latency",
        "5ms",
        "--folds",
        "3",
        "--test",
        "other",
        "--author",
        "Jane",
        "--name",
        "T",
    ]
    assert main(["auto", "data", "-o", str(tmp_path), *options]) == 0
    wishes, owner = given["wishes"], given["owner"]
    assert (wishes.time, wishes.latency_ms, wishes.folds, wishes.test) == (1800.0, 5.0, 3, True)
    assert (owner.author, owner.name, owner.licence, given["test"]) == ("Jane", "T", None, Path("other"))
