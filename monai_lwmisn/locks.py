"""Keeps two programs from writing into one folder at once, and knows which were killed."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import LOCK, check_is_no_file

__all__ = ["LOCK", "check_unwritten", "is_empty", "only_maker", "only_writer"]

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)

_logger = logging.getLogger(__name__)


@contextmanager
def only_writer(folder: str | os.PathLike[str], named: Path | None = None) -> Iterator[bool]:
    """Be the only program that writes into a folder. It is made if missing, and removed if nothing was written.

    The system holds the lock (``flock``), so it ends with its process, however that ends. Its file is removed at the
    end. Where one was left, a program was killed; it does not hinder the next.

    Args:
        folder: the folder. On a network folder the lock holds for all machines if its server has locks; where a file
            system has none, a warning is logged and nothing is locked.
        named: what errors name in place of the folder.

    Yields:
        Whether a program was killed while it wrote into the folder. If the next fails too, this is not forgotten.

    Raises:
        ConfigError: another program writes into the folder, or it cannot be written to.
    """
    folder = Path(folder)
    named = named or folder
    made, file = not folder.exists(), folder / LOCK
    lock = FileLock(file, mode=0o666)  # so that one user can go on where the program of another was killed
    try:
        check_is_no_file(folder)
        folder.mkdir(parents=True, exist_ok=True)
        killed = file.exists()
        lock.acquire(blocking=False)
    except Timeout:
        raise ConfigError(
            f"{named} is being written to by another program: wait until that has ended, or give another folder."
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = "free some space" if full else "check its path and permissions, or give another folder"
            raise ConfigError(f"{named} cannot be written to ({error.strerror}): {remedy}.") from error
        _logger.warning("%s is on a file system without locks: start no second program that writes into it.", folder)
    done = False
    try:
        yield killed
        done = True
    finally:
        # Removed before it is released: nobody can lock a file that is gone.
        if done or not killed:
            with suppress(OSError):  # Windows removes it with the release
                file.unlink(missing_ok=True)
        lock.release()
        if made:
            with suppress(OSError):
                folder.rmdir()


def check_unwritten(folder: Path) -> None:
    """Refuse to read a folder that another program writes into.

    Raises:
        ConfigError: a program, such as a search or a training, is writing there.
    """
    if not (folder / LOCK).exists():
        return
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise ConfigError(f"A search or training is writing into {folder}: wait until it has ended.") from None
    except OSError:  # nobody can write into the folder, or the file system has no locks
        return
    lock.release()


@contextmanager
def only_maker(path: Path) -> Iterator[Path]:
    """Be the only program that makes a file or folder, and give a folder beside it to work in.

    The folder has always the same name, so that what a killed program left in it is found. It is removed if it is empty
    at the end.

    Raises:
        ConfigError: see :func:`only_writer`.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        with only_writer(beside, named=path):
            yield beside
    finally:
        with suppress(OSError):
            beside.rmdir()


def is_empty(folder: Path) -> bool:
    """Return whether a folder has nothing in it but the lock, and what a killed program left half-written."""
    return all(path.name == LOCK or path.suffix == ".partial" for path in folder.iterdir())
