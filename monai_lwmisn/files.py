"""Files that are written completely or not at all, see :mod:`monai_lwmisn.light.files`."""

from __future__ import annotations

from monai_lwmisn.light.files import (
    LOCK,
    check_is_no_file,
    check_writable,
    parse_json,
    read_json,
    sha256_of,
    write_atomically,
    write_json,
    write_named,
)

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
