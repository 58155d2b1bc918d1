"""Defines what a format of raw data sets is: a description, and a function that finds images and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai.utils import ensure_tuple

from monai_lwmisn.light.folders import FolderTree

Item = dict[str, Any]
"""One image with its label: ``image``, ``label`` (paths), ``case``, ``group``, ``stratum``; see ``data.datalist``.

``image`` is a list of paths where each channel has a file of its own. ``part`` is there where the data set itself says
to which part of a split an image belongs.
"""


def image_name(item: Item) -> str:
    """Return the path of an image, of its first channel where each has a file of its own."""
    return str(ensure_tuple(item["image"])[0])


@dataclass
class Scan:
    """Lists what was found under a path.

    Attributes:
        items: the usable pairs of image and label, in case order.
        problems: one sentence per unusable file: what is wrong, in which file, what to do.
    """

    items: list[Item] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DatasetFormat:
    """Describes one format of raw data sets, as downloaded.

    Attributes:
        description: the files of the format, as a phrase for help texts and errors.
        scan: function that finds the pairs of image and label under a path.
        describe: function that returns in a phrase what a folder has of this format; an empty text where it has none.
    """

    description: str
    scan: Callable[[Path], Scan]
    describe: Callable[[FolderTree], str]
