"""Finds the files of a Medical Segmentation Decathlon task, which ``dataset.json`` lists."""

from __future__ import annotations

import json
from pathlib import Path

from monai_lwmisn.data.datasets.base import DatasetFormat, Scan
from monai_lwmisn.errors import DataError


def scan_msd(path: Path) -> Scan:
    """Read the training list of ``dataset.json``.

    Raises:
        DataError: ``dataset.json`` is missing, is not JSON, has no training list, or names files outside the folder.
    """
    description = path / "dataset.json"
    try:
        content = json.loads(description.read_text(encoding="utf-8"))
        if "training" not in content and {"channel_names", "numTraining"} & set(content):
            raise DataError(
                f"{path} is raw data of nnU-Net, with a file for each channel: join the channels of each case in one "
                "NIfTI of four axes in images/, put its label into labels/ under the same name, and set "
                "data.dataset=folder."
            )
        entries = content["training"]
        pairs = [(str(entry["image"]), str(entry["label"])) for entry in entries]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(
            f"{description} cannot be read as a list of images and labels ({error!r}): download it again."
        ) from error
    scan = Scan()
    root = path.resolve()
    for image, label in sorted(pairs):
        files = {kind: (path / name).resolve() for kind, name in (("image", image), ("label", label))}
        outside = [str(file) for file in files.values() if not file.is_relative_to(root)]
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


FORMAT = DatasetFormat(
    description="Medical Segmentation Decathlon: dataset.json, imagesTr, labelsTr",
    scan=scan_msd,
)
