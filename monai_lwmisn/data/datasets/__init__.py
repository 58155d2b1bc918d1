"""The raw data layouts that are read as downloaded. Adding a data set is one file here and one line in ``LAYOUTS``."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from monai_lwmisn.data.datasets import chaos_ct, dsb2018, folder, msd, promise12
from monai_lwmisn.data.datasets.base import Item, Layout, Scan
from monai_lwmisn.errors import ConfigError, DataError

LAYOUTS: dict[str, Layout] = {
    "dsb2018": dsb2018.LAYOUT,
    "chaos_ct": chaos_ct.LAYOUT,
    "promise12": promise12.LAYOUT,
    "msd": msd.LAYOUT,
    "folder": folder.LAYOUT,
}

__all__ = ["LAYOUTS", "Item", "Layout", "Scan", "find_layout", "read_layout", "scan_layout"]


def find_layout(name: str) -> Layout:
    """The layout of a name.

    Raises:
        ConfigError: no such layout; the nearest name is given.
    """
    if name not in LAYOUTS:
        near = get_close_matches(name, LAYOUTS, n=1, cutoff=0)
        raise ConfigError(f"There is no data layout {name!r}; did you mean {near[0]!r} (of {', '.join(LAYOUTS)})?")
    return LAYOUTS[name]


def scan_layout(layout: str, path: str | os.PathLike[str]) -> Scan:
    """Find images and labels under a path and everything that is wrong with the files' names and numbers.

    Args:
        layout: a name in ``LAYOUTS``.
        path: the folder (or, where the layout allows it, the zip) as downloaded.

    Raises:
        ConfigError: no such layout.
        DataError: the path does not exist or holds nothing of the layout.
    """
    absolute = Path(os.path.abspath(Path(path).expanduser()))
    found = find_layout(layout)
    if not absolute.exists():
        raise DataError(f"There is no {absolute}; give the folder or archive of the data set ({found.description}).")
    if absolute.is_dir() and not any(absolute.iterdir()):
        raise DataError(f"The folder {absolute} is empty; it should hold {found.description}.")
    scan = found.scan(absolute)
    if not scan.items and not scan.problems:
        raise DataError(f"Nothing in {absolute} looks like the layout {layout!r}; it should hold {found.description}.")
    return scan


def read_layout(layout: str, path: str | os.PathLike[str]) -> list[Item]:
    """The pairs of image and label of a data set, in case order, with absolute paths.

    Args:
        layout: a name in ``LAYOUTS``.
        path: the folder (or, where the layout allows it, the zip) as downloaded.

    Raises:
        ConfigError: no such layout.
        DataError: the path does not exist, holds nothing of the layout, or has a problem; the first one is named.
    """
    scan = scan_layout(layout, path)
    if scan.problems:
        raise DataError(first_of(scan.problems))
    return scan.items


def first_of(problems: list[str]) -> str:
    """The first problem, with a word on how many more there are."""
    more = len(problems) - 1
    return problems[0] + (f" ({more} more: `lwmisn check-data` lists them all.)" if more else "")
