"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.errors import CheckpointError, ConfigError

__all__ = ["check_writable", "write_atomically"]


def write_atomically(content: bytes, path: str | os.PathLike) -> None:
    """
    Write ``content`` to ``path`` so that the file is at any time either the old one or the new one, complete.

    Raises:
        CheckpointError: when the file cannot be written (disk full, no permission). The old file, if any, is intact.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _make_rename_durable(path.parent)
    except OSError as error:
        kept = "; the one written before is intact" if path.exists() else ""
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror or error}){kept}: free some space or mend the permissions, "
            "then run the command again, with --resume where a search or training had begun."
        ) from error
    finally:
        if partial.exists():
            partial.unlink()


def check_writable(path: str | os.PathLike) -> None:
    """
    Find out, before the work whose result is to be written to ``path``, that it cannot be.

    Raises:
        ConfigError: when ``path`` is a folder, or its own folder is missing or may not be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: give the name of a file.")
    if not path.parent.is_dir():
        raise ConfigError(f"{path} cannot be written, there is no folder {path.parent}: make it, or give another file.")
    if not os.access(path.parent, os.W_OK):
        raise ConfigError(f"{path} cannot be written, {path.parent} is read-only: give a file in another folder.")


def _make_rename_durable(directory: Path) -> None:
    # Windows has no descriptors of directories; there the rename is as durable as the file system makes it.
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
