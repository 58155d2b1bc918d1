"""Reads compressed files to their end, where their checksums are. Needs the standard library alone."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DataError

_STEP = 2**20
_ANY_HEADER = 32 + zlib.MAX_WBITS
"""Of zlib or gzip, whichever is there."""

__all__ = ["check_compressed", "open_gzip"]


@contextmanager
def open_gzip(path: Path) -> Iterator[gzip.GzipFile]:
    """Open a gzip file, and read what is left of it at the end: libraries stop before the checksum.

    Raises:
        DataError: the content is not what was compressed, or it is cut short.
    """
    with _naming(path), gzip.open(path, "rb") as stream:
        yield stream
        while stream.read(_STEP):
            pass


def check_compressed(path: Path, start: int = 0) -> None:
    """Check what is compressed in a file by zlib or gzip, from the byte ``start`` on.

    Raises:
        DataError: see :func:`open_gzip`.
    """
    with _naming(path), path.open("rb") as file:
        file.seek(start)
        stream = zlib.decompressobj(_ANY_HEADER)
        data = b""
        while not stream.eof:
            data = stream.unconsumed_tail or file.read(_STEP)
            if not data:
                raise EOFError
            stream.decompress(data, _STEP)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"The volume {path} cannot be read (its compressed content is damaged or cut short): copy it again."
        ) from error
