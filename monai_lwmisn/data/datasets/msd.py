"""Finds the files of a Medical Segmentation Decathlon task, which ``dataset.json`` lists."""

from __future__ import annotations

import os
from pathlib import Path

from monai_lwmisn.data.datasets.base import DatasetFormat, Scan
from monai_lwmisn.errors import DataError, reason_of
from monai_lwmisn.files import parse_json
from monai_lwmisn.light.folders import FolderTree


def scan_msd(path: Path) -> Scan:
    """Read the training list of ``dataset.json``.

    Raises:
        DataError: ``dataset.json`` is missing, is not JSON, has no training list, or names files outside the folder.
    """
    description = path / "dataset.json"
    try:
        entries = parse_json(description.read_text(encoding="utf-8"))["training"]
        pairs = [(str(entry["image"]), str(entry["label"])) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{description} cannot be read as a list of images and labels ({reason_of(error)}): download it again."
        ) from error
    scan = Scan()
    for image, label in sorted(pairs):
        # A link in the folder may lead anywhere: its name is the case's, and its owner made it.
        files = {kind: Path(os.path.normpath(path / name)) for kind, name in (("image", image), ("label", label))}
        outside = [str(file) for file in files.values() if not file.is_relative_to(path)]
        if outside:
            raise DataError(f"{description} names {outside[0]}, which is outside of its folder: correct the path.")
        missing = [(kind, file) for kind, file in files.items() if not file.is_file()]
        if missing:
            other = image if missing[0][0] == "label" else label
            scan.problems.append(f"The {missing[0][0]} {missing[0][1]} of {other} is missing: download it again.")
            continue
        case = files["image"].name.split(".")[0]
        scan.items.append({"image": str(files["image"]), "label": str(files["label"]), "case": case, "group": case})
    return scan


def describe(tree: FolderTree) -> str:
    """Return ``dataset.json`` where a folder has one, otherwise an empty text. That of nnU-Net lists no files."""
    try:
        content = parse_json((tree.top / "dataset.json").read_text(encoding="utf-8"))
    except OSError:
        return ""
    except ValueError:
        content = {}
    of_nnunet = isinstance(content, dict) and "numTraining" in content and "training" not in content
    return "" if of_nnunet else "dataset.json"


FORMAT = DatasetFormat(
    description="Medical Segmentation Decathlon: dataset.json, imagesTr, labelsTr",
    scan=scan_msd,
    describe=describe,
)
