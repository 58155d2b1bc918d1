"""Reads a CSV table of images and labels: the columns ``image`` and ``label``, and others that may be there.

``image`` may name the files of several channels, with ``|`` between them. ``case`` is a name, ``group`` says what
belongs together, ``part`` is training, validation or test, and ``stratum`` is spread evenly over the parts. Other usual
names of these columns are in ``COLUMNS``.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.data.datasets.base import DatasetFormat, Item, Scan, image_name
from monai_lwmisn.errors import DataError, reason_of
from monai_lwmisn.light.folders import FolderTree

BETWEEN_CHANNELS = "|"
DELIMITERS = ",;\t"
COLUMNS = {
    "image": ("images", "image_path", "img", "scan", "volume"),
    "label": ("labels", "label_path", "mask", "masks", "mask_path", "segmentation", "annotation"),
    "case": (),
    "group": ("patient", "patient_id", "patientid", "subject", "subject_id", "animal", "slide"),
    "part": ("split", "subset", "partition"),
    "stratum": (),
}
"""Other names of columns, in lower case; one is used where the column itself is not there."""


def scan_csv(path: Path) -> Scan:
    """Read a table. Paths in it are relative to its folder.

    Args:
        path: the table, or a folder that has one.

    Raises:
        DataError: the table cannot be read, or a folder has several.
    """
    tables = [path] if path.is_file() else _tables(FolderTree(path))
    if len(tables) > 1:
        names = ", ".join(table.name for table in tables)
        raise DataError(f"{path} has the tables {names}: give the path of the one that is meant.")
    scan = Scan()
    for table in tables:
        try:
            columns, rows = _rows(table)
        except (OSError, ValueError, csv.Error) as error:
            raise DataError(f"{table} cannot be read ({reason_of(error)}): save it as CSV in UTF-8.") from error
        if not {"image", "label"} <= set(columns):
            raise DataError(
                f"{table} has the columns {', '.join(columns)}, and none of images and of labels: name those that have "
                "the paths of the files image and label."
            )
        for number, row in enumerate(rows, start=2):
            _add(row, f"{table}, line {number}", table.parent, scan)
        _tell_apart(scan.items, table.parent)
    return scan


def _tell_apart(items: list[Item], folder: Path) -> None:
    """Put the folders of images in front of names that several have, as ``image.nii.gz`` in the folder of a patient."""
    counts = Counter(item["case"] for item in items)
    for item in items:
        if counts[name := item["case"]] > 1:
            item["case"] = "_".join([*Path(os.path.relpath(image_name(item), folder)).parent.parts, name])
            item["group"] = item["case"] if item["group"] == name else item["group"]


def _add(row: dict[str, str], where: str, folder: Path, scan: Scan) -> None:
    images = [name.strip() for name in row.get("image", "").split(BETWEEN_CHANNELS)]
    paths = [os.path.normpath(folder / name) for name in (*images, row.get("label", ""))]
    missing = [path for path in paths if not os.path.exists(path) or path == os.path.normpath(folder)]
    part = row.get("part", "").lower()
    part = {"train": "training", "val": "validation"}.get(part, part)
    if missing:
        scan.problems.append(f"{where}, names {missing[0]}, which does not exist: correct the path.")
    elif part and part not in PARTS:
        scan.problems.append(f"{where}, has the part {row['part']!r}: use one of {', '.join(PARTS)}.")
    else:
        case = row.get("case") or Path(paths[0]).name.split(".")[0]
        item: Item = {"image": paths[0] if len(images) == 1 else paths[:-1], "label": paths[-1], "case": case}
        item |= {"group": row.get("group") or case}
        item |= {key: value for key, value in (("stratum", row.get("stratum")), ("part", part)) if value}
        if any(item["image"] == other["image"] for other in scan.items):
            scan.problems.append(f"{where}, has an image that an earlier line has: remove one of them.")
        else:
            scan.items.append(item)


def _rows(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns of a table, in lower case and by the names of ``COLUMNS``, and its rows.

    Raises:
        OSError, ValueError, csv.Error: it cannot be read.
    """
    with open(table, encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        delimiter = max(DELIMITERS, key=header.count)
        names = [name.strip().strip('"').lower() for name in header.strip().split(delimiter)]
        for column, others in COLUMNS.items():
            found = [other for other in others if other in names]
            if column not in names and len(found) == 1:
                names[names.index(found[0])] = column
        reader = csv.DictReader(file, fieldnames=names, delimiter=delimiter, strict=True)
        rows = [{key: (value or "").strip() for key, value in row.items() if isinstance(key, str)} for row in reader]
        return names, rows


def _tables(tree: FolderTree) -> list[Path]:
    """The tables of a folder whose first line names files that exist: other tables have such columns too."""
    found = []
    for file in tree.files[tree.top]:
        if file.suffix.lower() == ".csv":
            try:
                names, rows = _rows(file)
            except (OSError, ValueError, csv.Error):
                continue
            if (
                rows
                and {"image", "label"} <= set(names)
                and (file.parent / rows[0]["image"].split(BETWEEN_CHANNELS)[0].strip()).exists()
            ):
                found.append(file)
    return found


def describe(tree: FolderTree) -> str:
    """Return the name of a table of images and labels that a folder has; an empty text where it has none."""
    return ", ".join(table.name for table in _tables(tree))


FORMAT = DatasetFormat(
    description="a CSV table with the columns image and label, which have the paths of files",
    scan=scan_csv,
    describe=describe,
)
