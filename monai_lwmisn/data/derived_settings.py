"""Derives the settings of the section ``data`` that a preset leaves to the images and labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from tqdm import tqdm

from monai_lwmisn.data.datasets import first_of, scan_dataset
from monai_lwmisn.data.datasets.base import Item, image_name
from monai_lwmisn.data.label_checks import label_name, regions_of_label, stored_counts
from monai_lwmisn.errors import DataError, explain
from monai_lwmisn.files import parse_json
from monai_lwmisn.inference.label_values import number_objects
from monai_lwmisn.inference.volumes import VOLUME_SUFFIXES

DERIVED = ("in_channels", "label_names")
"""The settings that null leaves to the data."""


def derive_settings(data: Mapping[str, Any], path: str | os.PathLike[str], *, progress: bool = True) -> dict[str, Any]:
    """Return the settings that are null and that images and labels tell.

    ``data.in_channels`` is that of the first image. ``data.label_names`` has the values of all labels, named by the
    data set's ``dataset.json`` where it has one, otherwise ``class 1`` and so on; values of pictures that number
    objects are one class, ``object``.

    Args:
        data: the section ``data`` of the configuration of an evaluation.
        path: the folder or zip of the data set.
        progress: whether to show a progress bar on a terminal.

    Returns:
        Values by dotted key, for those of :data:`DERIVED` that are null in ``data``.

    Raises:
        ConfigError: there is no format ``data.dataset``.
        DataError: the data set has problems, or its labels do not tell the classes.
    """
    asked = [name for name in DERIVED if data[name] is None]
    if not asked:
        return {}
    scan = scan_dataset(data["dataset"], path)
    if not scan.items:
        raise DataError(first_of(scan.problems))
    derived: dict[str, Any] = {}
    if "in_channels" in asked:
        derived["data.in_channels"] = _channels_of(scan.items[0], data)
    if "label_names" in asked:
        derived["data.label_names"] = _names_of(scan.items, data, Path(path), progress)
    return derived


def _channels_of(item: Item, data: Mapping[str, Any]) -> int:
    parser = ConfigParser({"data": dict(data)})
    loaded: dict[str, Any] = {"image": item["image"]}
    for number in range(len(data["loading"])):
        try:
            loaded = parser.get_parsed_content(f"data::loading::{number}")(loaded)
        except Exception as error:  # every file library raises its own kind of error
            raise DataError(explain(error, f"The image {image_name(item)}")) from error
        if isinstance(loaded["image"], torch.Tensor):
            break
    return int(loaded["image"].shape[0])


def _names_of(items: Sequence[Item], data: Mapping[str, Any], path: Path, progress: bool) -> dict[str, str]:
    if data["instances"]:
        values = {1.0}
    elif data["label_colours"]:
        values = {float(value) for value in data["label_colours"].values()}
    else:
        values = _classes_of(items, progress)
    found = sorted(values - {0.0})
    if not found:
        raise DataError(f"No label in {path} has any foreground: check that these are the labels.")
    if found != list(range(1, len(found) + 1)):
        listed = ", ".join(f"{value:.9g}" for value in found[:8]) + (", ..." if len(found) > 8 else "")
        raise DataError(
            f"The labels in {path} have the values {listed} besides 0: number their classes 1, 2, ... without gaps."
        )
    given = _given_names(path)
    only = "object" if data["instances"] else "foreground"
    return {f"{value:g}": given.get(int(value), f"class {value:g}" if len(found) > 1 else only) for value in found}


def _classes_of(items: Sequence[Item], progress: bool) -> set[float]:
    """Return the values of the classes in all labels, with the reading of :func:`read_label`."""
    sets: list[set[float]] = []
    regions: list[list[int]] = []
    pictures = True
    for item in tqdm(items, desc="Reading labels", unit="label", disable=None if progress else True, leave=False):
        stored = stored_counts(item["label"])
        if stored is None:  # a folder of objects
            return {1.0}
        if any(isinstance(value, str) for value in stored):
            raise DataError(
                f"The label {label_name(item)} is in colour: say which class each colour is, as in "
                """--set data.label_colours='{"#ff0000": 1, "#00ff00": 2}', or that they are objects, as in """
                "--set data.instances=true."
            )
        sets.append({float(value) for value in stored} - {0.0})
        pictures = pictures and not str(item["label"]).lower().endswith(VOLUME_SUFFIXES)
        regions += [regions_of_label(item["label"])] if pictures else []
    every = set().union(*sets)
    # Of one class, any value of a picture is read as 1.
    return {1.0} if pictures and every and (len(every) == 1 or number_objects(sets, regions)) else every


def _given_names(path: Path) -> dict[int, str]:
    """The names of classes in ``dataset.json``, as the Decathlon (by value) and nnU-Net (by name) write them."""
    try:
        labels = parse_json((path / "dataset.json").read_text(encoding="utf-8"))["labels"]
        pairs = [(value, name) if str(value).isdecimal() else (name, value) for value, name in labels.items()]
        return {int(value): str(name) for value, name in pairs}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
