"""Files of weights are written whole or not at all, and are read without executing code."""

import errno
import os
import pickle
from pathlib import Path

import pytest
import torch

from monai_lwmisn.errors import CheckpointError
from monai_lwmisn.networks.weights import load_checkpoint, save_atomically


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
