"""The images of a comparison: split once, then the same for all networks, also after the data set was moved."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from monai.bundle import ConfigParser
from monai.transforms import Compose
from tqdm import tqdm

from monai_lwmisn.data import prepare_datalist, read_datalist
from monai_lwmisn.data.datalist import PARTS, Datalist, select_parts
from monai_lwmisn.data.datasets import scan_dataset
from monai_lwmisn.data.splits import count_slices
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.studies.protocol import Protocol

SPLIT = ("split_by", "test_fraction", "validation_fraction", "seed", "folds", "fold", "group_by")


def find_datalist(protocol: Protocol, data: Path, file: Path) -> Datalist:
    """Return the datalist of all networks: the one in ``file``, with the current paths, or a new one.

    This function writes nothing.

    Args:
        protocol: its settings say how to split; ``slice_step`` selects slices of training and validation volumes.
        data: the data set as downloaded.
        file: the datalist file, which may not exist.

    Raises:
        DataError: the data set cannot be used.
        ConfigError: the data set lacks a case of ``file``.
    """
    settings = protocol.data_settings()
    if file.is_file():
        return _with_current_paths(read_datalist(file), settings["dataset"], data)
    datalist = prepare_datalist(
        None, settings["dataset"], data, data=settings, **{name: settings[name] for name in SPLIT}
    )
    if protocol.slice_step > 1:
        for item in select_parts(datalist, ("training", "validation")):
            item["slices"] = list(range(0, count_slices(item), protocol.slice_step))
    return datalist


def fingerprint_images(protocol: Protocol, datalist: Datalist) -> str:
    """Return a hash of all images and labels and of their parts. Their paths have no effect on it."""
    load = Compose(ConfigParser({"data": protocol.data_settings()}).get_parsed_content("data#loading"))
    items = [(part, item) for part in PARTS for item in datalist[part]]
    digest = hashlib.sha256()
    for part, item in tqdm(items, desc="hash", unit="image", disable=None, leave=False):
        digest.update(f"{part} {item['case']}".encode())
        loaded = load({"image": item["image"], "label": item["label"]})
        for key in ("image", "label"):
            digest.update(np.ascontiguousarray(loaded[key]).tobytes())
    return digest.hexdigest()[:16]


def _with_current_paths(datalist: Datalist, dataset: str, data: Path) -> Datalist:
    now: dict[str, Any] = {item["case"]: item for item in scan_dataset(dataset, data).items}
    items = select_parts(datalist, PARTS)
    missing = next((item["case"] for item in items if item["case"] not in now), None)
    if missing is not None:
        raise ConfigError(f"{data} has no case {missing}, which the comparison has: give its data set.")
    for item in items:
        item |= {key: now[item["case"]][key] for key in ("image", "label")}
    return datalist
