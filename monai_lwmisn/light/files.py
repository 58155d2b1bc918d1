"""Writes files completely or not at all, and reads JSON with one sentence for each error."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from .errors import CheckpointError, ConfigError, reason_of

__all__ = [
    "LOCK",
    "check_is_no_file",
    "check_writable",
    "parse_json",
    "read_json",
    "sha256_of",
    "write_atomically",
    "write_json",
    "write_named",
]

LOCK = ".lwmisn.lock"
"""The file in a folder that is locked while a program of this package writes there."""

COMMENT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
"""A line that is a comment. No text of JSON goes over several lines, so it is never part of one."""

MOST_LEVELS = 50
"""Of JSON. Files of this package have about ten; what follows deeper ones step by step would not come back."""


def write_atomically(content: bytes, path: str | os.PathLike) -> None:
    """Write a file so that at any time either the old or the new file is there, complete.

    Args:
        content: the new content.
        path: the file; its folder is made if missing.

    Raises:
        CheckpointError: the file cannot be written (disk full, no permission). An old file stays intact.
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
        kept = "; the file written before is intact" if path.exists() else ""
        # If a file is in the place of a folder, more space or other permissions do not help.
        in_the_way = isinstance(error, (FileExistsError, NotADirectoryError))
        remedy = "give another place" if in_the_way else "free some space or change the permissions"
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror or error}){kept}: {remedy}, then run the command again, with "
            "--resume if a search or training had begun."
        ) from error
    finally:
        if partial.exists():
            partial.unlink()


def write_json(content: Any, path: str | os.PathLike, indent: int = 2) -> None:
    """Write ``content`` to ``path`` as JSON, completely or not at all.

    Raises:
        CheckpointError: the file cannot be written.
    """
    write_atomically((json.dumps(content, indent=indent) + "\n").encode(), path)


def sha256_of(path: str | os.PathLike) -> str:
    """Return the SHA-256 checksum of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def parse_json(text: str) -> Any:
    """Return what a text of JSON says.

    Raises:
        ValueError: it is no JSON, or nested more than :data:`MOST_LEVELS` deep.
    """
    try:
        level = [content := json.loads(text)]
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    for _ in range(MOST_LEVELS):
        inside = [node.values() if isinstance(node, dict) else node for node in level if isinstance(node, (dict, list))]
        level = [value for values in inside for value in values]
    if level:
        raise ValueError("it is nested too deeply")
    return content


def read_json(path: Path, remedy: str = "give a JSON file", comments: bool = False) -> dict[str, Any]:
    """Read a JSON file that holds an object, such as a configuration or results.

    Args:
        path: the file.
        remedy: what to do if it cannot be read, as the end of a sentence.
        comments: whether lines that begin with ``//`` are passed over.

    Raises:
        ConfigError: the file cannot be read, or is not a JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # An empty line in place of each comment keeps the numbers of lines in errors.
        content = parse_json(COMMENT.sub("", text) if comments else text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({reason_of(error)}): {remedy}.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a JSON object with keys and values: {remedy}.")
    return content


def check_is_no_file(folder: Path) -> None:
    """Check that a folder that is to be made, and those above it, are no files.

    Raises:
        ConfigError: one is.
    """
    for place in (folder, *folder.parents):
        if place.is_file():
            raise ConfigError(f"{place} is a file, and a folder is needed: give the name of a folder.")


def check_writable(path: str | os.PathLike, is_own: Callable[[bytes], bool]) -> None:
    """Check that a file that a user named can be written, before the work whose result it will hold.

    Args:
        path: the file. Links are followed. A pipe or a device is written into.
        is_own: whether some content is that of a file which the command wrote earlier, and may replace.

    Raises:
        ConfigError: ``path`` is a folder or a file of somebody else, or its own folder is missing or read-only.
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: give the name of a file.")
    if path.exists() and not path.is_file():
        if not os.access(path, os.W_OK):
            raise ConfigError(f"{path} cannot be written: change its permissions, or give another file.")
        return
    parent = Path(os.path.realpath(path)).parent
    if not parent.is_dir():
        raise ConfigError(
            f"{path} cannot be written, because there is no folder {parent}: make it, or give another file."
        )
    if not os.access(parent, os.W_OK):
        raise ConfigError(f"{path} cannot be written, because {parent} is read-only: give a file in another folder.")
    if path.exists() and _stream_at(path) is None and (content := path.read_bytes()) and not is_own(content):
        raise ConfigError(f"{path} holds something else than this command writes: give another name, or move it.")


def write_named(content: bytes, path: str | os.PathLike) -> None:
    """Write a file that a user named: completely or not at all, to where a link leads; or into a pipe or a device.

    Raises:
        CheckpointError: see :func:`write_atomically`.
    """
    path = Path(path)
    stream = _stream_at(path)
    if stream is not None:
        stream.flush()
        stream.buffer.write(content)
        stream.flush()
    elif path.exists() and not path.is_file():
        path.write_bytes(content)
    else:
        write_atomically(content, os.path.realpath(path))


def _stream_at(path: Path) -> TextIO | None:
    """The program's own stream that a path leads to, such as /dev/stdout, whose text may go on to a file."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # there is no file, or the stream has none
            if os.path.samestat(path.stat(), os.fstat(stream.fileno())):
                return stream
    return None


def _make_rename_durable(directory: Path) -> None:
    # Windows cannot open folders, so there the file system alone decides how durable the rename is.
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
