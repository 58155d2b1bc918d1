"""Lists the formats of raw data sets, which are read as downloaded.

A new format is one file in this folder and one line in ``DATASETS``.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from monai_lwmisn.data.datasets import chaos_ct, csv_table, dsb2018, folder, msd, nested, promise12
from monai_lwmisn.data.datasets.base import DatasetFormat, Item, Scan
from monai_lwmisn.data.datasets.not_read import why_not_read
from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.light.folders import FolderTree

DATASETS: dict[str, DatasetFormat] = {
    "dsb2018": dsb2018.FORMAT,
    "chaos_ct": chaos_ct.FORMAT,
    "promise12": promise12.FORMAT,
    "msd": msd.FORMAT,
    "csv": csv_table.FORMAT,
    "nested": nested.FORMAT,
    "folder": folder.FORMAT,
}

__all__ = [
    "DATASETS",
    "DatasetFormat",
    "Item",
    "Scan",
    "find_dataset_format",
    "read_dataset",
    "recognise_dataset",
    "scan_dataset",
]


def find_dataset_format(name: str) -> DatasetFormat:
    """Return the format of a name.

    Raises:
        ConfigError: there is no such format; the sentence names the nearest.
    """
    if name not in DATASETS:
        near = get_close_matches(name, DATASETS, n=1, cutoff=0)
        raise ConfigError(
            f"There is no data set format {name!r}: the nearest is {near[0]!r} (of {', '.join(DATASETS)})."
        )
    return DATASETS[name]


def scan_dataset(dataset: str, path: str | os.PathLike[str]) -> Scan:
    """Find images and labels under a path, and all problems with the names and numbers of the files.

    Args:
        dataset: a name in ``DATASETS``.
        path: the folder (or, where the format allows it, the zip) as downloaded.

    Raises:
        ConfigError: there is no such format.
        DataError: the path does not exist or holds nothing of the format.
    """
    absolute = Path(os.path.abspath(Path(path).expanduser()))
    found = find_dataset_format(dataset)
    if not absolute.exists():
        raise DataError(f"{absolute} does not exist: give the folder or zip of the data set ({found.description}).")
    if absolute.is_dir() and not any(absolute.iterdir()):
        raise DataError(f"The folder {absolute} is empty: it should hold {found.description}.")
    other = _other_format(dataset, absolute)
    if other is not None:
        raise DataError(other)
    scan = found.scan(absolute)
    if not scan.items and not scan.problems:
        raise DataError(f"Nothing in {absolute} looks like the format {dataset!r}: it should hold {found.description}.")
    return scan


def recognise_dataset(path: str | os.PathLike[str]) -> str:
    """Return the name of the format that a data set has.

    Args:
        path: a folder, a CSV file, or a zip of the Data Science Bowl.

    Raises:
        DataError: the path does not exist, or has none of the formats.
    """
    place = Path(os.path.abspath(Path(path).expanduser()))
    if not place.exists():
        raise DataError(f"{place} does not exist: give the folder of the images and labels.")
    if place.is_file():
        known = {".csv": "csv", ".zip": "dsb2018"}
        if place.suffix.lower() in known:
            return known[place.suffix.lower()]
        raise DataError(f"{place} is a file: give the folder of the images and labels, or a CSV table of them.")
    tree = FolderTree(place)
    for name, known_format in DATASETS.items():
        if known_format.describe(tree):
            return name
    if (reason := why_not_read(tree)) is not None:
        raise DataError(reason)
    raise DataError(f"No images with labels are found in {place}: it should hold {DATASETS['folder'].description}.")


def _other_format(dataset: str, path: Path) -> str | None:
    """Return a sentence that names another format, if a folder has that and nothing of the one that was asked for."""
    if not path.is_dir():
        return None
    tree = FolderTree(path)
    if DATASETS[dataset].describe(tree):
        return None
    for name, other in DATASETS.items():
        if seen := other.describe(tree):
            return f"{path} has {seen}, which is not the format {dataset!r}: add --set data.dataset={name}."
    return None


def read_dataset(dataset: str, path: str | os.PathLike[str]) -> list[Item]:
    """Return the pairs of image and label of a data set, in case order, with absolute paths.

    Args:
        dataset: a name in ``DATASETS``.
        path: the folder (or, where the format allows it, the zip) as downloaded.

    Raises:
        ConfigError: there is no such format.
        DataError: the path does not exist, holds nothing of the format, or has a problem; the first one is named.
    """
    scan = scan_dataset(dataset, path)
    if scan.problems:
        raise DataError(first_of(scan.problems))
    return scan.items


def first_of(problems: list[str]) -> str:
    """Return the first problem, with the number of further ones."""
    more = len(problems) - 1
    return problems[0] + (f" ({more} more: `lwmisn check-data` lists them all.)" if more else "")
