"""Checkpoints of a running engine resume exactly."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedTrainer
from monai.transforms import RandGaussianNoised
from monai.utils import set_determinism

from monai_lwmisn.engines.checkpoint import RunCheckpoint
from monai_lwmisn.engines.history import EpochHistory, read_history
from monai_lwmisn.engines.seeds import EpochSeed
from monai_lwmisn.errors import CheckpointError
from monai_lwmisn.networks.weights import load_checkpoint, save_atomically
from tests.engines.processes import run_process


def train(folder: Path, workers: int = 0, epochs: int = 4, kill_at: int | None = None, resume: bool = False) -> None:
    """A small training with dropout, shuffling and random transforms; may kill its process at an iteration."""
    folder.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    set_determinism(seed=0)
    items = [{"image": torch.full((4,), float(i)), "label": torch.tensor([float(i % 3)])} for i in range(12)]
    noise = RandGaussianNoised("image", prob=0.7)
    loader = DataLoader(Dataset(items, noise), batch_size=4, shuffle=True, num_workers=workers)
    network = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    trainer = SupervisedTrainer(
        torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=loader,
        network=network,
        optimizer=optimizer,
        loss_function=torch.nn.MSELoss(),
        train_handlers=[EpochSeed(7, [loader])],
    )
    losses: list[float] = []
    trainer.add_event_handler(Events.EPOCH_STARTED, lambda: losses.clear())
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: losses.append(trainer.state.output[0]["loss"]))
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: scheduler.step())
    if kill_at is not None:
        trainer.add_event_handler(
            Events.ITERATION_COMPLETED(once=kill_at), lambda: os.kill(os.getpid(), signal.SIGKILL)
        )
    checkpoint = RunCheckpoint(folder, {"network": network, "optimizer": optimizer, "scheduler": scheduler})
    checkpoint.attach(trainer)
    EpochHistory(folder, {"losses": lambda engine: list(losses)}).attach(trainer)
    checkpoint.run(trainer, resume=resume)
    weights = {name: tensor.tolist() for name, tensor in network.state_dict().items()}
    (folder / "result.json").write_text(json.dumps(weights))


def losses(folder: Path) -> list[tuple[int, list[float]]]:
    return [(line["epoch"], line["losses"]) for line in read_history(folder / "history.jsonl")]


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path, workers: int) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run_process(train, whole, workers=workers) == 0
    # Iteration 8 is the second of the third epoch: two epochs are kept, the rest of the third is lost.
    assert run_process(train, killed, workers=workers, kill_at=8) == -signal.SIGKILL
    assert load_checkpoint(killed / "checkpoint.pt")["epoch"] == 2
    assert run_process(train, killed, workers=workers, resume=True) == 0

    assert losses(killed) == losses(whole)
    assert [epoch for epoch, _ in losses(whole)] == [1, 2, 3, 4]
    assert json.loads((killed / "result.json").read_text()) == json.loads((whole / "result.json").read_text())
    # The epochs differ from one another, or the comparison above would prove nothing.
    assert len({tuple(values) for _, values in losses(whole)}) == 4


def test_killed_before_the_first_epoch_ends(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_process(train, whole, epochs=1)
    run_process(train, killed, epochs=1, kill_at=2)
    assert load_checkpoint(killed / "checkpoint.pt")["epoch"] == 0
    assert run_process(train, killed, epochs=1, resume=True) == 0
    assert losses(killed) == losses(whole)


class Counter:
    """The smallest stateful object."""

    def __init__(self) -> None:
        self.count = 0

    def state_dict(self) -> dict[str, int]:
        return {"count": self.count}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.count = state_dict["count"]


def counting_engine() -> tuple[Engine, Counter]:
    counter = Counter()

    def step(engine: Engine, batch: int) -> None:
        counter.count += 1

    engine = Engine(step)
    engine.state.max_epochs = 3
    engine.state.epoch_length = 2
    return engine, counter


def run_counting(path: Path, resume: bool = False) -> int:
    engine, counter = counting_engine()
    checkpoint = RunCheckpoint(path.parent, {"counter": counter})
    checkpoint.attach(engine)
    checkpoint.run(engine, resume=resume)
    return counter.count


def test_a_complete_run_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    assert run_counting(path) == 6
    assert run_counting(path, resume=True) == 6


def test_fewer_epochs_than_are_done_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    run_counting(path)
    engine, counter = counting_engine()
    engine.state.max_epochs = 2
    with pytest.raises(CheckpointError, match="has 3 epochs already, not 2: ask for 3 or more"):
        RunCheckpoint(path.parent, {"counter": counter}).run(engine, resume=True)


def test_written_after_handlers_attached_later(tmp_path: Path) -> None:
    engine, counter = counting_engine()
    RunCheckpoint(tmp_path, {"counter": counter}).attach(engine)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: setattr(counter, "count", counter.count + 100))
    engine.run()
    assert load_checkpoint(tmp_path / "checkpoint.pt")["objects"]["counter"]["count"] == 306


def test_the_gradient_scaler_goes_on_too(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"

    def run(resume: bool, factor: float) -> float:
        engine, counter = counting_engine()
        engine.scaler = torch.amp.GradScaler("cpu", init_scale=factor)  # type: ignore[attr-defined]
        checkpoint = RunCheckpoint(path.parent, {"counter": counter})
        checkpoint.attach(engine)
        engine.add_event_handler(Events.EPOCH_COMPLETED(once=2), engine.terminate)
        checkpoint.run(engine, resume=resume)
        return engine.scaler.get_scale()  # type: ignore[attr-defined]

    run(resume=False, factor=64.0)
    assert run(resume=True, factor=8.0) == 64.0


def test_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    run_counting(path)
    engine, counter = counting_engine()
    with pytest.raises(CheckpointError, match="another kind of run"):
        RunCheckpoint(path.parent, {"other": counter}).resume(engine)
    engine.state.epoch_length = 5
    with pytest.raises(CheckpointError, match="2 iterations per epoch, but now there are 5"):
        RunCheckpoint(path.parent, {"counter": counter}).resume(engine)
    engine.state.epoch_length = 2
    save_atomically({**load_checkpoint(path), "objects": {"counter": {}}}, path)
    with pytest.raises(CheckpointError, match="does not fit the counter"):
        RunCheckpoint(path.parent, {"counter": counter}).resume(engine)
