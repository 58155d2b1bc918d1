"""Breaks files: bytes, fields of headers, and the tree of JSON. A mutation is data, so that it can be shrunk."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

EXTREMES = (0, 1, -1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63)
NUMBERS = (
    b"0",
    b"-1",
    b"1e308",
    b"nan",
    b"inf",
    b"32767",
    b"4294967296",
    b"99999999999999999999",
    b"",
    b"x",
    b"%d",
    b"../../x",
)

VALUES: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: True,
    lambda: 0,
    lambda: -1,
    lambda: 3,
    lambda: 10**30,
    lambda: 1e308,
    lambda: 0.5,
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: "",
    lambda: "x",
    lambda: "x" * 5000,
    lambda: "../../../outside",
    lambda: "@missing::reference",
    lambda: "$1/0",
    lambda: "%missing.json::key",
    lambda: "\ud800",
    list,
    dict,
    lambda: [[]],
    lambda: {"": {}},
    lambda: nested(500),
    lambda: {"_target_": "missing.module.Class"},
    lambda: {"1": "a", "2": "b"},
    lambda: [1, "a", None],
)
"""What takes the place of a value in JSON."""

KINDS_OF_BYTES = ("flip", "cut", "drop", "repeat", "splice", "extreme", "number", "field")
KINDS_OF_TREE = ("value", "remove", "rename", "swap", "repeat")


class Mutation(NamedTuple):
    """One change.

    Attributes:
        kind: what is done.
        place: where, as a share from 0 to 1 of the bytes, fields or nodes.
        value: how, a whole number from 0 to 2^16 - 1.
    """

    kind: str
    place: float
    value: int


def draw(random: Random, kinds: Sequence[str]) -> list[Mutation]:
    """One to five changes."""
    count = random.choice((1, 1, 2, 3, 5))
    return [Mutation(random.choice(kinds), random.random(), random.randrange(2**16)) for _ in range(count)]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def change_bytes(content: bytes, mutations: Sequence[Mutation]) -> bytes:
    """The content after some changes. The checksums of a PNG are mended, so that its decoder goes on."""
    for kind, place, value in mutations:
        data = bytearray(content)
        at, size = int(place * len(data)), 1 + value % 64
        if kind == "flip" and data:
            data[at] ^= 1 + value % 255
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + size]
        elif kind == "repeat":
            data[at:at] = data[at : at + size] * (1 + value % 5)
        elif kind == "splice":
            other = value * 7919 % max(len(data), 1)
            data[at : at + size] = data[other : other + size]
        elif kind == "extreme":
            _set(data, at, (1, 2, 4, 8)[value % 4], value)
        elif kind == "number":
            found = list(re.finditer(rb"\d+", bytes(data[:4096])))
            if found:
                start, end = found[int(place * len(found))].span()
                data[start:end] = NUMBERS[value % len(NUMBERS)]
        elif kind == "field":
            known = fields(bytes(data))
            if known:
                start, size = known[int(place * len(known))]
                _set(data, start, size, value)
        content = bytes(data)
    return mend_png(content)


def _set(data: bytearray, at: int, size: int, value: int) -> None:
    number = EXTREMES[value // 4 % len(EXTREMES)] % 2 ** (8 * size)
    data[at : at + size] = number.to_bytes(size, "big" if value % 2 else "little")


def fields(content: bytes) -> list[tuple[int, int]]:
    """Places and sizes of the numbers in a header, such as extents, types, lengths and offsets."""
    if content[344:347] in (b"n+1", b"ni1"):
        return [
            (0, 4),
            *((40 + 2 * index, 2) for index in range(8)),
            (70, 2),
            (72, 2),
            *((76 + 4 * index, 4) for index in range(8)),
            (108, 4),
            (112, 4),
            (116, 4),
            (252, 2),
            (254, 2),
            *((256 + 4 * index, 4) for index in range(18)),
            (348, 1),
            (352, 4),
            (356, 4),
        ]
    if content[:4] == b"\x89PNG":
        return [(8, 4), (16, 4), (20, 4), (24, 1), (25, 1), (26, 1), (27, 1), (28, 1), (33, 4)]
    if content[:2] == b"BM":
        return [(2, 4), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 4), (34, 4), (46, 4)]
    if content[:4] in (b"II*\0", b"MM\0*"):
        return list(_tiff_fields(content, "<" if content[:2] == b"II" else ">"))
    if content[128:132] == b"DICM":
        # Little-endian and explicit: Rows, Columns, bits, frames and the lengths of all elements of a group.
        found = [
            (match.start() + 4, 4) for match in re.finditer(rb"[\x28\x08\x20\x02]\0..[A-Z]{2}", content, re.DOTALL)
        ]
        values = [(match.end(), 2) for match in re.finditer(rb"\x28\0..US\x02\0", content, re.DOTALL)]
        return found + values * 4
    if content[:2] == b"\xff\xd8":
        return [
            (match.start() + offset, 2) for match in re.finditer(rb"\xff[\xc0-\xfe]", content) for offset in (2, 5, 7)
        ]
    return []


def _tiff_fields(content: bytes, order: str) -> Iterator[tuple[int, int]]:
    yield (4, 4)
    (start,) = struct.unpack_from(order + "I", content, 4) if len(content) >= 8 else (0,)
    if not 8 <= start <= len(content) - 2:
        return
    (count,) = struct.unpack_from(order + "H", content, start)
    yield (start, 2)
    for index in range(min(count, 50)):
        entry = start + 2 + 12 * index
        if entry + 12 <= len(content):
            yield from ((entry, 2), (entry + 2, 2), (entry + 4, 4), (entry + 8, 4), (entry + 8, 2))


def mend_png(content: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what is in them."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return content
    parts, at = [content[:8]], 8
    while at + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        if at + 12 + size > len(content):
            break
        body = content[at + 4 : at + 8 + size]
        parts += [content[at : at + 4], body, struct.pack(">I", zlib.crc32(body))]
        at += 12 + size
    return b"".join(parts) + content[at:]


def change_tree(tree: Any, mutations: Sequence[Mutation]) -> Any:
    """A JSON tree after some changes. The original is left as it is."""
    for kind, place, value in mutations:
        tree = json.loads(json.dumps(tree)) if _is_plain(tree) else tree
        nodes = list(_nodes(tree))
        if not nodes:
            return VALUES[value % len(VALUES)]()
        container, key = nodes[int(place * len(nodes))]
        if kind == "value":
            container[key] = VALUES[value % len(VALUES)]()
        elif kind == "remove":
            del container[key]
        elif kind == "rename" and isinstance(container, dict):
            container[f"{key}x" if value % 2 else ""] = container.pop(key)
        elif kind == "swap":
            other, name = nodes[value % len(nodes)]
            container[key] = json.loads(
                json.dumps(other.get(name) if isinstance(other, dict) else other[name : name + 1])
            )
        elif kind == "repeat" and isinstance(container, list):
            container[key:key] = [container[key]] * (value % 50)
    return tree


def _is_plain(tree: Any) -> bool:
    try:
        json.dumps(tree)
    except (RecursionError, ValueError):
        return False
    return True


def _nodes(tree: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys or indices."""
    if depth > 50:
        return
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from _nodes(tree[key], depth + 1)
