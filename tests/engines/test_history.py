"""history.jsonl and the line per epoch."""

import json
from pathlib import Path

import pytest
from ignite.engine import Engine

from monai_lwmisn.engines.history import BatchProgress, EpochHistory, read_history


def run(path: Path, max_epochs: int, start_epoch: int = 0) -> None:
    engine = Engine(lambda engine, batch: engine.state.epoch / 3)
    engine.state.max_epochs, engine.state.epoch_length = max_epochs, 2
    engine.state.epoch, engine.state.iteration = start_epoch, 2 * start_epoch
    values = {
        "loss": lambda e: e.state.output,
        "genotype": lambda e: "0<-1 identity",
        "dsc": lambda e: 0.5 if e.state.epoch == 2 else None,
    }
    EpochHistory(path.parent, values).attach(engine)
    engine.run([0, 1])


def test_one_json_object_and_one_line_per_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "run" / "history.jsonl", 3)
    lines = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == [1 / 3, 2 / 3, 1.0]
    assert [line.get("dsc") for line in lines] == [None, 0.5, None]
    assert [(line["epoch"], line["of"]) for line in lines] == [(1, 3), (2, 3), (3, 3)]
    assert {line["genotype"] for line in lines} == {"0<-1 identity"}
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert printed[1].startswith("epoch 2/3  loss 0.6667  Dice 0.5  ") and printed[2].endswith("0:00:00 left")


def test_resuming_replaces_the_epochs_after_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    run(path, 3)
    with open(path, "a") as file:
        file.write('{"epoch": 4, "lo')  # killed while writing
    run(path, 4, start_epoch=2)
    assert [line["epoch"] for line in read_history(path)] == [1, 2, 3, 4]
    run(path, 1)
    assert [line["epoch"] for line in read_history(path)] == [1]


def test_progress_bar_is_silent_outside_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Engine(lambda engine, batch: None)
    BatchProgress("train").attach(engine)
    engine.run([0, 1], max_epochs=2)
    assert capsys.readouterr().err == ""
