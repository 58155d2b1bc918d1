"""Restores a run folder after a failed stage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.files import write_atomically

STATES = ("checkpoint.pt", "study.log", "study.shared")
"""What a stage can be resumed from: a checkpoint, or the study of a search in a file or in a database."""


def find_state(run: Path, stage: str) -> Path | None:
    """Return the file that a stage of a run can be resumed from; None if there is none."""
    return next((file for name in STATES if (file := run / stage / name).exists()), None)


@contextmanager
def restore_on_failure(run: Path, stage: str, places: Sequence[Path]) -> Iterator[None]:
    """Restore a run folder after a failed stage, unless there is something to resume from.

    - After an error that follows a finished epoch, all files stay, and ``--resume`` continues.
    - After an interruption (Ctrl-C) all files stay if there is a state, even that before the first epoch.
    - In all other cases new files in ``places`` are removed, and the configurations and the datalist are restored, so
      that the corrected command can be given again.

    Args:
        run: the run folder.
        stage: name of the folder in it that holds the stage's state and history.jsonl.
        places: folders that the stage may make or write to.

    Raises:
        BaseException: the error of the stage, after the changes are undone.
    """
    existing = {path for place in places for path in _all_in(place)}
    texts = {path: path.read_bytes() for path in _rewritten(run)}
    before = _version(find_state(run, stage))
    try:
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            begun = find_state(run, stage) is not None
        else:
            begun = _version(find_state(run, stage)) != before and bool(read_history(run / stage / "history.jsonl"))
        if not begun:
            remove([path for place in places for path in _all_in(place) if path not in existing])
            for path, text in texts.items():
                if path.read_bytes() != text:
                    write_atomically(text, path)
        raise


def _rewritten(run: Path) -> list[Path]:
    return [path for path in (*(run / "configs").glob("*.json"), run / "datalist.json") if path.is_file()]


def _all_in(place: Path) -> list[Path]:
    return [place, *place.rglob("*")] if place.exists() else []


def _version(path: Path | None) -> tuple[int, int] | None:
    """Return a value that differs after each writing of a file; None if there is no file."""
    return None if path is None else (path.stat().st_ino, path.stat().st_mtime_ns)


def remove(paths: Sequence[Path]) -> None:
    """Remove files, and folders with all that is in them; a link, but not what it leads to."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
