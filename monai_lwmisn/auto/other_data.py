"""Checks that other data, given to test on, are of the kind that is learned from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from monai_lwmisn.auto.fingerprint import Fingerprint
from monai_lwmisn.auto.label_settings import name_of_colour
from monai_lwmisn.config import fill
from monai_lwmisn.data.data_report import check_data
from monai_lwmisn.data.datasets import first_of, recognise_dataset, scan_dataset
from monai_lwmisn.data.datasets.base import image_name
from monai_lwmisn.data.derived_settings import LabelValues, derive_settings, given_names, read_label_values
from monai_lwmisn.errors import DataError, counted
from monai_lwmisn.inference.labels import grey_colour
from monai_lwmisn.light.pictures import PICTURE_SUFFIXES


def check_other_data(path: str | os.PathLike[str], learned: Fingerprint, progress: bool = True) -> None:
    """Read other data as a network would that learned from the data of a fingerprint.

    A class may be missing in them. Objects may be numbered in the ones and not in the others.

    Args:
        path: see :func:`~monai_lwmisn.auto.fingerprint.take_fingerprint`.
        learned: of the data to learn from.
        progress: whether to show progress bars on a terminal.

    Raises:
        DataError: they are no volumes where the others are or no pictures, or have other channels or classes; or their
            check finds a problem.
    """
    dataset = recognise_dataset(path)
    scan = scan_dataset(dataset, path)
    if scan.problems:
        raise DataError(first_of(scan.problems))
    kinds = ("pictures", "volumes")
    volumetric = not image_name(scan.items[0]).lower().endswith(PICTURE_SUFFIXES)
    if volumetric != learned.volumetric:
        raise DataError(
            f"The test data {path} are {kinds[volumetric]} and the data {learned.path} are {kinds[not volumetric]}: "
            f"give test data that are {kinds[not volumetric]}."
        )
    known = {"dataset": dataset, "modality": learned.modality, "volumetric": volumetric, "in_channels": None}
    known |= {"label_names": learned.label_names, "label_colours": learned.label_colours}
    data: dict[str, Any] = fill("evaluate", {"data": {**known, "instances": learned.instances}})["data"]
    data["in_channels"] = derive_settings(data, path, progress=progress)["data.in_channels"]
    if data["in_channels"] != learned.channels:
        raise DataError(
            f"The images of the test data {path} have {counted(data['in_channels'], 'channel')} and those of "
            f"{learned.path} have {learned.channels}: give test data with the same channels in the same order."
        )
    _check_classes(path, learned, read_label_values(scan.items, progress))
    check_data(dataset, path, data, learned=False, progress=progress).raise_for_problems()


def _check_classes(path: str | os.PathLike[str], learned: Fingerprint, labels: LabelValues) -> None:
    names = learned.label_names
    if len(names) > 1 and labels.number_objects:
        raise DataError(
            f"The labels of the test data {path} number objects, and those of {learned.path} have the classes "
            f"{', '.join(names.values())}: give test data with the same classes."
        )
    own = learned.label_colours
    one = labels.number_objects or max(len(labels.classes), len(labels.colours)) <= 1
    if len(names) == 1 and not learned.volumetric and own is None and one:
        return  # any value or colour is the class
    unknown = [name_of_colour(colour) for colour in labels.colours if colour not in (own or {})]
    for value in sorted(labels.classes) if not labels.colours else ():
        if f"{value:g}" not in names if own is None else grey_colour(value) not in own:
            unknown.append(f"{value:g}")
    if unknown:
        classes = ", ".join(f"{value} ({name})" for value, name in names.items())
        raise DataError(
            f"The labels of the test data {path} have {', '.join(unknown[:5])}, which is none of the classes "
            f"{classes} of {learned.path}: give test data with the same classes, marked alike."
        )
    given = given_names(Path(path)) if Path(path).is_dir() else {}
    for number, name in names.items():
        other = given.get(int(number), name)
        if other.lower() != name.lower() and name not in ("foreground", f"class {number}"):
            raise DataError(
                f"The value {number} is {other} in the test data {path} and {name} in {learned.path}: number the "
                "classes of both alike."
            )
