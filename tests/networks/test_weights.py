"""Files of weights are written whole or not at all, and are read without executing code."""

import errno
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from monai_lwmisn.errors import CheckpointError
from monai_lwmisn.networks.weights import load_checkpoint, load_weights, save_atomically


def test_disk_full_keeps_the_last_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    save_atomically({"weights": torch.ones(3)}, path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CheckpointError, match=r"checkpoint.pt cannot be written \(No space left") as info:
            save_atomically({"weights": torch.zeros(3)}, path)
    assert "\n" not in str(info.value) and "intact" in str(info.value)
    assert torch.equal(load_checkpoint(path)["weights"], torch.ones(3))
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_really_full_device(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt.partial").symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match="No space left on device"):
        save_atomically({"weights": torch.zeros(3)}, tmp_path / "checkpoint.pt")
    assert list(tmp_path.iterdir()) == []


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_atomically({}, tmp_path / "file" / "checkpoint.pt")


class Bomb:
    def __reduce__(self):  # type: ignore[no-untyped-def]
        return os.mkdir, ("exploded",)


def test_code_in_a_checkpoint_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weights": Bomb()}, "bomb.pt")
    Path("bomb.pickle").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.pt", "bomb.pickle"):
        with pytest.raises(CheckpointError, match=name):
            load_checkpoint(name)
    assert not Path("exploded").exists()


def test_a_file_that_unpacks_to_more_than_it_has_is_not_unpacked(tmp_path: Path) -> None:
    save_atomically({"weights": torch.zeros(1_000_000)}, tmp_path / "plain.pt")
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain, zipfile.ZipFile(tmp_path / "bomb.pt", "w") as bomb:
        for member in plain.infolist():
            bomb.writestr(member.filename, plain.read(member), zipfile.ZIP_DEFLATED)
    assert torch.equal(load_checkpoint(tmp_path / "plain.pt")["weights"], torch.zeros(1_000_000))
    with pytest.raises(CheckpointError, match=r"bomb\.pt is not a checkpoint"):
        load_checkpoint(tmp_path / "bomb.pt")


@pytest.mark.parametrize(
    "lie",
    [
        lambda weights: weights.fill_(float("nan")),
        lambda weights: weights[:1].clone(),
        lambda weights: torch.zeros(1).expand(10**6, 10**6),
        lambda weights: weights.to_sparse(),
        lambda weights: "text",
        lambda weights: None,
    ],
)
def test_weights_that_are_not_those_of_the_network_are_refused(tmp_path: Path, lie: Any) -> None:
    network = nn.Linear(3, 2)
    state = network.state_dict()
    save_atomically({**state, "weight": lie(state["weight"].clone())}, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=r"model\.pt (does not hold the weights|holds weights that are NaN)"):
        load_weights(network, tmp_path / "model.pt")


def test_truncated_missing_and_odd_files(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(path)
    save_atomically({"weights": torch.ones(1000)}, path)
    content = path.read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 10):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="checkpoint.pt"):
            load_checkpoint(path)
    save_atomically([1, 2], path)
    with pytest.raises(CheckpointError, match="dictionary"):
        load_checkpoint(path)


def test_a_damaged_bundle_is_copied_again_and_not_trained(tmp_path: Path) -> None:
    path = tmp_path / "models" / "model.pt"
    for kind, remedy in (("run", "train again"), ("bundle", "copy the bundle again")):
        if kind == "bundle":
            (tmp_path / "configs").mkdir()
            (tmp_path / "configs" / "metadata.json").write_text("{}")
        save_atomically({"weights": torch.ones(1000)}, path)
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(CheckpointError, match=f"is truncated or not a checkpoint: {remedy}"):
            load_checkpoint(path)
