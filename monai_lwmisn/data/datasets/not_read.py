"""Says what to do about labels of known kinds that are not read."""

from __future__ import annotations

import csv
from pathlib import Path

from monai_lwmisn.light.folders import FolderTree


def why_not_read(tree: FolderTree) -> str | None:
    """Return a sentence about the first such kind that a folder has; None where it has none."""
    files = list(tree)
    stems = {file.with_suffix("") for file in files if file.suffix.lower() != ".json"}
    for file in files:
        name = file.name.lower()
        if name.endswith("_seg.npy"):
            return (
                f"The labels in {file.parent} are _seg.npy files, as {file.name}, which are not read, because such a "
                "file can run a program: let Cellpose save the masks as PNG or TIFF, as NAME_masks.png."
            )
        if name.endswith(".json") and (file.with_suffix("") in stems or "instances" in name or "coco" in name):
            return (
                f"The labels in {file.parent} are polygons, as {file.name}, which are not read: draw them as a PNG for "
                "each image, with the numbers of the classes as grey values."
            )
    for file in tree.files[tree.top]:
        if file.suffix.lower() == ".csv" and (columns := _columns(file)):
            return (
                f"{file} has the columns {', '.join(columns)}, and the first row of none of them names an image and a "
                "label that exist: name the columns that have their paths image and label."
            )
    return None


def _columns(file: Path) -> list[str]:
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            return next(csv.reader(stream), [])
    except (OSError, ValueError, csv.Error):
        return []
