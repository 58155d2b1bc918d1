"""Reads members of zip archives in place. The path of a member is ``ARCHIVE.zip!/MEMBER``."""

from __future__ import annotations

import bisect
import io
import itertools
import os
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from .errors import DataError, reason_of

SEPARATOR = ".zip!/"

MOST_MEMBERS = 200_000
"""Files that an archive of a data set may have."""

LARGEST_BYTES = 2**30
"""The most that one file in an archive may unpack to, and a whole bundle."""

_TAIL = 2**16 + 100
"""Bytes at the end of a zip that hold the records about its list of members."""

_LENGTHS = ((b"PK\x05\x06", 12, 4), (b"PK\x06\x06", 40, 8))
"""Where the two such records have the length of that list in bytes: the mark of the record, and place and size."""

_BYTES_A_MEMBER = 256
"""More than the list of members takes for one, with a long name."""

UNREADABLE = (
    OSError,
    KeyError,
    EOFError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
)
"""What Python raises for archives that are damaged, encrypted or packed in a way that it does not know."""


def split_member(path: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Split ``ARCHIVE.zip!/MEMBER`` into archive and member; the member is ``None`` for a path outside an archive."""
    text = os.fspath(path)
    position = text.find(SEPARATOR)
    if position < 0:
        return text, None
    return text[: position + len(".zip")], text[position + len(SEPARATOR) :]


def open_archive(path: str | os.PathLike[str], most: int = MOST_MEMBERS) -> zipfile.ZipFile:
    """Open a zip archive.

    Raises:
        DataError: it has more than ``most`` members. A list of millions, which would fill the memory, is not read.
    """
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        tail = file.read()
    listed = [
        int.from_bytes(tail[place + offset : place + offset + length], "little")
        for mark, offset, length in _LENGTHS
        if (place := tail.rfind(mark)) >= 0
    ]
    if max(listed, default=0) <= most * _BYTES_A_MEMBER:
        archive = zipfile.ZipFile(path)
        if len(archive.infolist()) <= most:
            return archive
        archive.close()
    raise DataError(f"The archive {path} has more than {most} files: unpack it, and give the folder.")


@lru_cache(maxsize=8)
def _open_archive(path: str, process: int, modified: int) -> zipfile.ZipFile:
    """An open archive, one for each process: forked workers would share one file position."""
    return open_archive(path)


@lru_cache(maxsize=8)
def _member_names(path: str, modified: int) -> tuple[str, ...]:
    with open_archive(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or PureWindowsPath(name).drive:
            raise DataError(
                f"The archive {path} has the member {name!r}, which points out of the archive; make the archive anew."
            )
    return tuple(sorted(names))


def member_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of all files in a zip archive, sorted.

    Raises:
        DataError: the file is missing, is no zip archive, or has members that point out of it.
    """
    text = os.fspath(path)
    if not os.path.isfile(text):
        raise DataError(f"The archive {text} does not exist; give the path of a zip file or of the unpacked folder.")
    try:
        return _member_names(text, os.stat(text).st_mtime_ns)
    except UNREADABLE as error:
        raise DataError(f"{text} is not a readable zip archive ({reason_of(error)}): download it again.") from error


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file on disk or of a member of a zip archive.

    Raises:
        DataError: no such file or member, or a damaged archive.
    """
    archive, member = split_member(path)
    try:
        if member is None:
            return Path(archive).read_bytes()
        opened = _open_archive(archive, os.getpid(), os.stat(archive).st_mtime_ns)
        size = opened.getinfo(member).file_size
        if size <= LARGEST_BYTES:
            return opened.read(member)
    except UNREADABLE as error:
        raise DataError(
            f"{path} cannot be read ({reason_of(error)}): check the path or download the data again."
        ) from error
    raise DataError(f"{path} would unpack to {size / 2**30:.1f} GiB, which no picture has: remove it.")


def open_bytes(path: str | os.PathLike[str]) -> io.BytesIO:
    """Like :func:`read_bytes`, as a file object, for libraries that want to seek."""
    return io.BytesIO(read_bytes(path))


def list_files(folder: str | os.PathLike[str]) -> list[str]:
    """Paths of the files directly in a folder on disk or in a zip archive, in file-name order.

    Args:
        folder: a directory, or ``ARCHIVE.zip!/FOLDER``.

    Raises:
        DataError: there is no such folder or archive.
    """
    archive, member = split_member(folder)
    if member is None:
        if not os.path.isdir(archive):
            raise DataError(f"{archive} is no folder with files: check the path.")
        return sorted(str(path) for path in Path(archive).iterdir() if path.is_file())
    prefix = member.rstrip("/") + "/"
    names = member_names(archive)
    # The names are sorted, so those of one folder stand together.
    inside = itertools.takewhile(lambda name: name.startswith(prefix), names[bisect.bisect_left(names, prefix) :])
    return [f"{archive}!/{name}" for name in inside if "/" not in name[len(prefix) :]]
