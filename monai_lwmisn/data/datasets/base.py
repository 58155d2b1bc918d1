"""What a raw data layout is: how its files are found and with which readers they are loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Item = dict[str, Any]
"""One image with its label: ``image``, ``label`` (paths), ``case``, ``group``, ``stratum``; see ``data.datalist``."""


@dataclass
class Scan:
    """What was found under a path, good and bad.

    Attributes:
        items: the usable pairs of image and label, in case order.
        problems: one sentence per unusable file: what is wrong, in which file, what to do.
    """

    items: list[Item] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """A raw data set layout, as downloaded.

    Attributes:
        description: one line for people.
        scan: finds the pairs of image and label under a path.
        image_reader: arguments of MONAI's ``LoadImage`` for the image.
        label_reader: arguments of MONAI's ``LoadImage`` for the label.
        spacing_is_real: whether the voxel spacing in the files may be used for millimetres.
    """

    description: str
    scan: Callable[[Path], Scan]
    image_reader: Mapping[str, Any]
    label_reader: Mapping[str, Any]
    spacing_is_real: bool = True
