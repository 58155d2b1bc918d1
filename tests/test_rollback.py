"""What survives which failure, file by file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from monai_lwmisn.rollback import restore_on_failure


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run as a search leaves it, and models of some earlier training."""
    for name in ("configs/train.json", "datalist.json", "models/model.pt", "train/notes.txt", "search/checkpoint.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("before")
    return tmp_path


def start(run: Path) -> None:
    (run / "configs" / "train.json").write_text("new")
    (run / "datalist.json").write_text("new")
    (run / "train" / "events").write_text("new")


def first_checkpoint(run: Path) -> None:
    start(run)
    (run / "train" / "checkpoint.pt").write_text("epoch 0")


def first_trial(run: Path) -> None:
    start(run)
    (run / "train" / "study.log").write_text("trial 0")
    (run / "train" / "history.jsonl").write_text(json.dumps({"seconds": 1.0}) + "\n")


def first_epoch(run: Path) -> None:
    first_checkpoint(run)
    (run / "models" / "best.pt").write_text("new")
    (run / "train" / "history.jsonl").write_text(json.dumps({"epoch": 1}) + "\n")


@pytest.mark.parametrize(
    ("work", "error", "kept"),
    [
        (start, ValueError, False),
        (start, KeyboardInterrupt, False),
        (first_checkpoint, ValueError, False),
        (first_checkpoint, KeyboardInterrupt, True),
        (first_trial, ValueError, True),
        (first_trial, KeyboardInterrupt, True),
        (first_epoch, ValueError, True),
        (first_epoch, KeyboardInterrupt, True),
    ],
)
def test_a_first_try_stays_when_there_is_something_to_resume(
    run: Path, work: Callable[[Path], None], error: type[BaseException], kept: bool
) -> None:
    before = contents(run)
    with pytest.raises(error), restore_on_failure(run, "train", [run / "train", run / "models"]):
        work(run)
        raise error
    assert (contents(run) == before) != kept
    assert kept == ((run / "configs" / "train.json").read_text() == "new")
    # Nothing that was there before is ever removed.
    assert set(before) <= set(contents(run))


@pytest.mark.parametrize(("epochs", "kept"), [(0, False), (1, True)])
def test_a_resumed_stage_keeps_new_settings_once_it_went_on(run: Path, epochs: int, kept: bool) -> None:
    first_epoch(run)
    start(run)
    (run / "configs" / "train.json").write_text("old settings")
    with pytest.raises(ValueError), restore_on_failure(run, "train", []):
        (run / "configs" / "train.json").write_text("new settings")
        if epochs:
            (run / "train" / "checkpoint.pt").unlink()
            (run / "train" / "checkpoint.pt").write_text("epoch 2")
        raise ValueError
    assert (run / "configs" / "train.json").read_text() == ("new settings" if kept else "old settings")
    assert (run / "train" / "checkpoint.pt").exists() and (run / "models" / "best.pt").exists()


def test_an_empty_folder_that_was_there_is_left_empty(tmp_path: Path) -> None:
    with pytest.raises(ValueError), restore_on_failure(tmp_path, "search", [tmp_path]):
        (tmp_path / "configs").mkdir()
        (tmp_path / "configs" / "search.json").write_text("{}")
        raise ValueError
    assert not list(tmp_path.iterdir())
