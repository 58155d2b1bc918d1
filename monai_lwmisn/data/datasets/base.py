"""The format of a raw data set: how its images and labels are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Item = dict[str, Any]
"""One image with its label: ``image``, ``label`` (paths), ``case``, ``group``, ``stratum``; see ``data.datalist``."""


@dataclass
class Scan:
    """The files that were found under a path.

    Attributes:
        items: the usable pairs of image and label, in case order.
        problems: one sentence per unusable file: what is wrong, in which file, what to do.
    """

    items: list[Item] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DatasetFormat:
    """The format of a raw data set, as downloaded.

    Attributes:
        description: one line for people.
        scan: finds the pairs of image and label under a path.
    """

    description: str
    scan: Callable[[Path], Scan]
