"""Derives the settings of the section ``data`` that a preset leaves to the images and labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from tqdm import tqdm

from monai_lwmisn.data.datasets import first_of, scan_dataset
from monai_lwmisn.data.datasets.base import Item, image_name
from monai_lwmisn.data.label_checks import BLACK, WHITE, label_name, regions_of_label, stored_counts
from monai_lwmisn.errors import DataError, explain
from monai_lwmisn.files import parse_json
from monai_lwmisn.inference.label_values import counts_of, number_objects
from monai_lwmisn.inference.labels import read_label
from monai_lwmisn.light.volumes import VOLUME_SUFFIXES

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
        labels = read_label_values(items, progress)
        if labels.colours:
            raise DataError(
                f"The label {labels.coloured} is in colour: say which class each colour is, as in "
                """--set data.label_colours='{"#ff0000": 1, "#00ff00": 2}', or that they are objects, as in """
                "--set data.instances=true."
            )
        values = labels.classes
    found = sorted(values - {0.0})
    if not found:
        raise DataError(f"No label in {path} has any foreground: check that these are the labels.")
    if found != list(range(1, len(found) + 1)):
        listed = ", ".join(f"{value:.9g}" for value in found[:8]) + (", ..." if len(found) > 8 else "")
        raise DataError(
            f"The labels in {path} have the values {listed} besides 0: number their classes 1, 2, ... without gaps"
            + (", and give 0 to what 255 tells to ignore." if 255 in found and len(found) > 1 else ".")
            + (" JPEG changes values: save labels as PNG." if _any_jpeg(items) else "")
        )
    given = given_names(path)
    only = "object" if data["instances"] else "foreground"
    return {f"{value:g}": given.get(int(value), f"class {value:g}" if len(found) > 1 else only) for value in found}


def _any_jpeg(items: Sequence[Item]) -> bool:
    return any(str(item["label"]).lower().endswith((".jpg", ".jpeg")) for item in items)


@dataclass(frozen=True)
class LabelValues:
    """Holds what the values of all labels of a data set say.

    Attributes:
        classes: the values of the classes, without 0, with the reading of :func:`read_label`; empty of colours.
        colours: the colours other than black, as ``#ff0000``.
        black, white: pixels of labels in colour that are black, and white.
        number_objects: whether the values or colours, or single masks, tell objects of one class apart.
        coloured: the name of a label in colour; an empty text where there is none.
    """

    classes: set[float]
    colours: list[str] = field(default_factory=list)
    black: int = 0
    white: int = 0
    number_objects: bool = False
    coloured: str = ""


def read_label_values(items: Sequence[Item], progress: bool = True) -> LabelValues:
    """Read the values of all labels.

    Raises:
        DataError: some labels are in colour and others have numbers.
    """
    sets: list[set[float | str]] = []
    pixels: Counter[float | str] = Counter()
    regions: list[list[int]] = []
    pictures, coloured = True, ""
    for item in tqdm(items, desc="Reading labels", unit="label", disable=None if progress else True, leave=False):
        stored = _counts_of(item["label"])
        if stored is None:  # a folder of objects
            return LabelValues({1.0}, number_objects=Path(label_name(item)).name == "masks")
        sets.append(set(stored) - {0.0, BLACK})
        pixels.update(stored)
        coloured = coloured or (label_name(item) if any(isinstance(value, str) for value in stored) else "")
        pictures = pictures and not str(item["label"]).lower().endswith(VOLUME_SUFFIXES)
        try:
            regions += [regions_of_label(item["label"])] if pictures else []
        except DataError:  # it has colours and no black background: these number no objects
            pictures = False
    every = set().union(*sets)
    numbered = pictures and bool(every) and number_objects(sets, regions)
    if coloured:
        numbers = sorted(value for value in every if isinstance(value, float))
        if numbers:
            raise DataError(
                f"The label {coloured} is in colour, and others have the value {numbers[0]:.9g}: save all labels in "
                "colour, or all as grey PNG with the numbers of the classes."
            )
        return LabelValues(set(), sorted(map(str, every)), pixels[BLACK], pixels[WHITE], numbered, coloured)
    # Of one class, any value of a picture is read as 1.
    one = pictures and bool(every) and (len(every) == 1 or numbered)
    return LabelValues({1.0} if one else {float(value) for value in every}, number_objects=numbered)


def _counts_of(label: str | Sequence[str]) -> Counter[float | str] | None:
    """The pixels of each value; of the indices where a picture has a palette that is read by them."""
    stored = stored_counts(label)
    if stored is not None and isinstance(label, str) and any(isinstance(value, str) for value in stored):
        try:
            return Counter(counts_of(read_label([label])[0]))
        except DataError:  # these are colours
            return stored
    return stored


def given_names(path: Path) -> dict[int, str]:
    """The names of classes in ``dataset.json``, as the Decathlon (by value) and nnU-Net (by name) write them."""
    try:
        labels = parse_json((path / "dataset.json").read_text(encoding="utf-8"))["labels"]
        pairs = [(value, name) if str(value).isdecimal() else (name, value) for value, name in labels.items()]
        return {int(value): str(name) for value, name in pairs}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
