"""Reads, writes and checks datalists: the images of each part of a split, as JSON in MONAI's decathlon form.

    {"training": [item, ...], "validation": [item, ...], "test": [item, ...], "split": {...}}

An item is {"image": path, "label": path, "case": ID, "group": ID, "stratum": name}; "image" may be the paths of its
channels. If single slices of a volume
were assigned to the part, it also has "slices": [indices along the last axis after loading].
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_lwmisn.data.datasets.base import Item, image_name
from monai_lwmisn.errors import CheckpointError, DataError, reason_of
from monai_lwmisn.files import parse_json, write_json

PARTS = ("training", "validation", "test")
Datalist = dict[str, Any]


def validate_datalist(datalist: Any, source: str = "The datalist") -> Datalist:
    """Return the datalist after checking its parts and items.

    Raises:
        DataError: a part is missing or empty, an item lacks a key, or an image is in two parts.
    """
    if not isinstance(datalist, dict):
        raise DataError(f"{source} is not a JSON object with the lists {', '.join(PARTS)}: split the data again.")
    seen: dict[tuple, str] = {}
    for part in PARTS:
        items = datalist.get(part)
        if not isinstance(items, list) or not items:
            raise DataError(f"{source} has no images in its part {part!r}: split the data again.")
        for item in items:
            missing = [key for key in ("image", "label", "case") if not (isinstance(item, dict) and item.get(key))]
            if missing:
                raise DataError(f"{source} has an item in {part!r} without {missing[0]!r}: split the data again.")
            for index in item.get("slices", [None]):
                other = seen.setdefault((image_name(item), index), part)
                if other != part:
                    raise DataError(
                        f"{source} has {image_name(item)} in {other!r} and in {part!r}: split the data again."
                    )
    return datalist


def write_datalist(datalist: Datalist, path: str | os.PathLike[str]) -> None:
    """Write a datalist as JSON.

    Raises:
        DataError: it is not a datalist, or the file cannot be written. A file written before stays intact.
    """
    validate_datalist(datalist)
    # Another process of the same run may read the file at any time, so it is written in one step.
    try:
        write_json(datalist, path, indent=1)
    except CheckpointError as error:
        raise DataError(str(error)) from error


def read_datalist(path: str | os.PathLike[str]) -> Datalist:
    """Read a datalist from JSON.

    Raises:
        DataError: the file is missing, or is not JSON, or is not a datalist.
    """
    try:
        datalist = parse_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"The datalist {path} cannot be read ({reason_of(error)}): split the data again.") from error
    return validate_datalist(datalist, f"The datalist {path}")


def select_parts(datalist: Datalist, parts: Sequence[str]) -> list[Item]:
    """Return the items of the named parts, in the order of the names."""
    return [item for part in parts for item in datalist[part]]
