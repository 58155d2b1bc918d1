"""How far a training has come, from its history: finished, interrupted, or ended by a limit of time."""

import json
from pathlib import Path
from typing import Any

import pytest

from monai_lwmisn.training.epochs_done import EpochsDone, read_epochs_done

SCORES = {5: 0.7, 10: 0.9, 15: 0.8}


def make_run(folder: Path, done: int, of: int | None, **settings: Any) -> Path:
    lines: list[dict[str, Any]] = [{"epoch": epoch, "of": of} for epoch in range(1, done + 1)]
    for line in lines:
        if line["epoch"] in SCORES:
            line["validation_dsc"] = SCORES[line["epoch"]]
        if of is None:
            del line["of"]
    (folder / "train").mkdir()
    (folder / "train" / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    train = {"epochs": 15, "parts": ["training"], "handlers": [], **settings}
    (folder / "configs").mkdir()
    (folder / "configs" / "train.json").write_text(json.dumps({"train": train}))
    return folder


@pytest.mark.parametrize(
    ("arguments", "expected", "sentence"),
    [
        ({"done": 15, "of": 15}, EpochsDone(15, 15, 15, 10), "had 15 epochs, and the weights are those of epoch 10."),
        ({"done": 15, "of": None}, EpochsDone(15, 15, 15, 10), "had 15 epochs, and"),
        (
            {"done": 7, "of": 15},
            EpochsDone(7, 15, 15, 5),
            "is not finished: it was interrupted after 7 of 15 epochs, and",
        ),
        (
            {"done": 3, "of": None},
            EpochsDone(3, 15, 15, None),
            "is not finished: it was interrupted after 3 of 15 epochs.",
        ),
        ({"done": 15, "of": 15, "parts": ["training", "validation"]}, EpochsDone(15, 15, 15, 15), "of epoch 15."),
        (
            {"done": 7, "of": 7, "handlers": [{"_target_": "monai_lwmisn.engines.stopping.TimeBudget"}]},
            EpochsDone(7, 7, 15, 5),
            "was ended by its limit of time after 7 of 15 epochs, and the weights are those of epoch 5.",
        ),
        # MONAI's own command was given another number of epochs.
        ({"done": 1, "of": 1}, EpochsDone(1, 1, 1, None), "had 1 epoch."),
    ],
)
def test_the_history_tells(tmp_path: Path, arguments: dict[str, Any], expected: EpochsDone, sentence: str) -> None:
    found = read_epochs_done(make_run(tmp_path, **arguments))
    assert found == expected
    assert found.sentence().startswith("The training ") and sentence in found.sentence()
    assert found.is_finished is ("not finished" not in sentence)


def test_a_bundle_has_no_history(tmp_path: Path) -> None:
    assert read_epochs_done(tmp_path) is None
