"""One program at a time writes into a folder; one that was killed hinders nobody, and is known of."""

import errno
import logging
import os
import signal
from pathlib import Path

import pytest
from filelock import FileLock

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.locks import LOCK, check_unwritten, is_empty, only_writer
from tests.engines.processes import run_process


def be_killed(folder: Path) -> None:
    with only_writer(folder):
        os.kill(os.getpid(), signal.SIGKILL)


def ask(folder: Path) -> None:
    try:
        with only_writer(folder):
            pass
    except ConfigError as error:
        raise SystemExit(7 if "is being written to by another program: wait" in str(error) else 1) from error


def test_a_second_program_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    with only_writer(tmp_path / "run") as killed:
        assert not killed
        assert run_process(ask, tmp_path / "run") == 7
        with (
            pytest.raises(ConfigError, match="run is being written to by another program"),
            only_writer(tmp_path / "run"),
        ):
            pass
        (tmp_path / "run" / "result").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["result"]
    assert run_process(ask, tmp_path / "run") == 0


def test_a_folder_is_not_read_while_a_program_writes_but_after_it_was_killed(tmp_path: Path) -> None:
    check_unwritten(tmp_path)
    with only_writer(tmp_path), pytest.raises(ConfigError, match="A search or training is writing into"):
        check_unwritten(tmp_path)
    assert run_process(be_killed, tmp_path) == -signal.SIGKILL
    check_unwritten(tmp_path)
    with only_writer(tmp_path) as killed:
        assert killed


def test_a_folder_that_was_made_for_nothing_is_removed_and_another_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("mine", "new"):
        with pytest.raises(ValueError), only_writer(tmp_path / name):
            raise ValueError
    assert [path.name for path in tmp_path.iterdir()] == ["mine"] and not list((tmp_path / "mine").iterdir())


def test_a_killed_program_hinders_nobody_and_is_remembered_until_one_ends_well(tmp_path: Path) -> None:
    assert run_process(be_killed, tmp_path / "run") == -signal.SIGKILL
    assert (tmp_path / "run" / LOCK).exists() and is_empty(tmp_path / "run")
    with pytest.raises(ValueError), only_writer(tmp_path / "run") as killed:
        assert killed
        (tmp_path / "run" / "result").touch()
        raise ValueError
    for expected in (True, False):
        with only_writer(tmp_path / "run") as killed:
            assert killed == expected
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["result"]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentence = "file is a file, and a folder is needed"
    with pytest.raises(ConfigError, match=sentence), only_writer(tmp_path / "file"):
        pass


@pytest.mark.parametrize(
    ("number", "sentence"), [(errno.ENOLCK, None), (errno.ENOSPC, "free some space"), (errno.EROFS, "another folder")]
)
def test_a_file_system_without_locks_is_said_and_a_full_one_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
    sentence: str | None,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLock, "acquire", fail)
    with caplog.at_level(logging.WARNING):
        if sentence is None:
            with only_writer(tmp_path):
                (tmp_path / "result").touch()
            assert "on a file system without locks" in caplog.text
        else:
            with pytest.raises(ConfigError, match=sentence), only_writer(tmp_path):
                pass
