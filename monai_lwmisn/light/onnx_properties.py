"""Reads the properties in an ONNX file, without the library onnx. They are field 14 of its ModelProto (onnx.proto)."""

from __future__ import annotations

from pathlib import Path

from .errors import ConfigError, reason_of

PROPERTIES, KEY, VALUE = 14, 1, 2
"""Numbers of fields: metadata_props of a ModelProto, key and value of a StringStringEntryProto."""

_FIXED = {1: 8, 5: 4}
"""Bytes of the values of the wire types that have a fixed length."""

__all__ = ["read_properties"]


def read_properties(path: Path) -> dict[str, str]:
    """Return the properties of an ONNX file by name.

    Raises:
        ConfigError: the file cannot be read, or is no ONNX file.
    """
    try:
        content = path.read_bytes()
        entries = [dict(_fields(entry)) for number, entry in _fields(content) if number == PROPERTIES]
        return {entry[KEY].decode(): entry[VALUE].decode() for entry in entries}
    except (OSError, ValueError, IndexError, KeyError) as error:
        reason = f" ({reason_of(error)})" if isinstance(error, OSError) else ""
        raise ConfigError(f"{path} cannot be read as an ONNX file{reason}: write it anew.") from error


def _fields(content: bytes) -> list[tuple[int, bytes]]:
    """The numbers and values of the fields of a message that have a length of their own."""
    fields, place = [], 0
    while place < len(content):
        key, place = _number(content, place)
        kind = key & 7
        if kind == 0:
            _, place = _number(content, place)
            continue
        if kind != 2 and kind not in _FIXED:
            raise ValueError(f"wire type {kind}")
        length = _FIXED.get(kind, 0)
        if kind == 2:
            length, place = _number(content, place)
            fields.append((key >> 3, content[place : place + length]))
        place += length
    if place != len(content):
        raise ValueError("it is cut short")
    return fields


def _number(content: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place behind it."""
    number = shift = 0
    while True:
        byte = content[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7
