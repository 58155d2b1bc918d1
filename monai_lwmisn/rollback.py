"""What of a run survives a stage that failed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.files import write_atomically


@contextmanager
def undone_unless_begun(run: Path, stage: str, places: Sequence[Path]) -> Iterator[None]:
    """Take back what a failed stage did to its run, unless it has begun.

    A stage has begun once there is something new to resume from. It ends by

    - an error after an epoch was finished: all stays, ``--resume`` goes on from there;
    - an interruption (Ctrl-C) when there is a checkpoint, be it that of the state before the first epoch: all stays;
    - anything else: what stands in ``places`` and did not before is removed, and the configurations and the datalist
      are again what they were, so that the command can be given anew, put right.

    Args:
        run: the run folder.
        stage: name of the folder in it with the stage's checkpoint.pt and history.jsonl.
        places: folders that the stage may make or add to.
    """
    existing = {path for place in places for path in _all_in(place)}
    texts = {path: path.read_bytes() for path in _rewritten(run)}
    checkpoint = run / stage / "checkpoint.pt"
    before = _version(checkpoint)
    try:
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            begun = checkpoint.exists()
        else:
            begun = _version(checkpoint) != before and bool(read_history(run / stage / "history.jsonl"))
        if not begun:
            _remove([path for place in places for path in _all_in(place) if path not in existing])
            for path, text in texts.items():
                if path.read_bytes() != text:
                    write_atomically(text, path)
        raise


def _rewritten(run: Path) -> list[Path]:
    return [path for path in (*(run / "configs").glob("*.json"), run / "datalist.json") if path.is_file()]


def _all_in(place: Path) -> list[Path]:
    return [place, *place.rglob("*")] if place.exists() else []


def _version(path: Path) -> tuple[int, int] | None:
    """Differs from one writing of a file to the next; None for no file."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
