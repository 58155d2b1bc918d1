"""Files that are written whole or not at all, and JSON read with a sentence for what is none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from scripts.errors import CheckpointError, ConfigError

__all__ = ["check_writable", "read_json", "write_atomically", "write_json"]


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
        # Where a file stands in the place of a folder, that is no matter of space or permissions.
        in_the_way = isinstance(error, (FileExistsError, NotADirectoryError))
        remedy = "give another place" if in_the_way else "free some space or mend the permissions"
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror or error}){kept}: {remedy}, then run the command again, with "
            "--resume where a search or training had begun."
        ) from error
    finally:
        if partial.exists():
            partial.unlink()


def write_json(content: Any, path: str | os.PathLike, indent: int = 2) -> None:
    """
    Write ``content`` to ``path`` as JSON, whole or not at all.

    Raises:
        CheckpointError: when the file cannot be written.
    """
    write_atomically((json.dumps(content, indent=indent) + "\n").encode(), path)


def read_json(path: Path, remedy: str = "give a JSON file") -> dict[str, Any]:
    """
    Read a JSON file that holds an object: a configuration, or results.

    Args:
        path: the file.
        remedy: what to do when it cannot be read, as the end of a sentence.

    Raises:
        ConfigError: when it cannot be read or is no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): {remedy}.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no JSON object with keys and values: {remedy}.")
    return content


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
