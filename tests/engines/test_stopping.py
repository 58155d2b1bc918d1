"""A loss that is not finite fails a training; a budget of time ends it, and counts the time before a resumption."""

import json
import math
import time
from pathlib import Path

import pytest
from ignite.engine import Engine

from monai_lwmisn.engines.history import EpochHistory
from monai_lwmisn.engines.stopping import FiniteLoss, TimeBudget
from monai_lwmisn.errors import TrainingError
from monai_lwmisn.training.validation import every_and_last


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    def train(losses: list[float]) -> None:
        engine = Engine(lambda engine, loss: [{"loss": loss}])
        FiniteLoss().attach(engine)
        engine.run(losses)

    train([0.5, 0.4])
    for broken in (math.nan, math.inf):
        with pytest.raises(TrainingError, match=f"The loss is {broken} in epoch 1"):
            train([0.5, broken])


def run_with(budget: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, history: str = "") -> list[int]:
    """Return the epochs after which a validation ran, of six epochs of ten seconds each."""
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("monai_lwmisn.engines.stopping.time.monotonic", lambda: next(clock))
    (tmp_path / "history.jsonl").write_text(history)
    engine, validated = Engine(lambda engine, batch: None), list[int]()
    TimeBudget(budget, tmp_path).attach(engine)
    engine.add_event_handler(every_and_last(4), lambda engine: validated.append(engine.state.epoch))
    engine.run([0], max_epochs=6)
    return validated


def test_the_epoch_that_uses_up_the_budget_is_the_last_and_is_validated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_with(1000, tmp_path, monkeypatch) == [4, 6]
    assert run_with(25, tmp_path, monkeypatch) == [3]


def test_time_before_a_resumption_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The engine starts at epoch 0, so only the history up to epoch 0 counts.
    line = json.dumps({"epoch": 0, "seconds": 15})
    assert run_with(25, tmp_path, monkeypatch, f"{line}\n") == [1]


def test_a_training_that_its_budget_ended_is_not_trained_further_when_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = json.dumps({"epoch": 0, "seconds": 25})
    assert run_with(25, tmp_path, monkeypatch, f"{line}\n") == []


def test_the_time_that_is_left_is_that_of_the_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = Engine(lambda engine, batch: time.sleep(0.01))
    TimeBudget(0.2, tmp_path).attach(engine)
    EpochHistory(tmp_path, {}).attach(engine)
    engine.run([0], max_epochs=100_000)  # some minutes
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) > 2 and all(line.endswith("0:00:00 left") for line in printed)
