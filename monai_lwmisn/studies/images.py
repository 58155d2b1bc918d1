"""The images of a comparison: dealt out once, the same ever after, wherever they lie."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from monai.transforms import LoadImage
from tqdm import tqdm

from monai_lwmisn.config import resolve
from monai_lwmisn.data import prepare_datalist, read_datalist
from monai_lwmisn.data.datalist import PARTS, Datalist, select_parts
from monai_lwmisn.data.datasets import scan_dataset
from monai_lwmisn.data.splits import count_slices
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.readers import LabelReader, image_reader
from monai_lwmisn.studies.protocol import Protocol


def find_datalist(protocol: Protocol, data: Path, file: Path) -> Datalist:
    """The datalist of all networks: made where there is none, otherwise the one there is, with where images are now.

    Nothing is written.

    Args:
        protocol: says how images are dealt out; every ``slice_step``-th slice of volumes is learned from.
        data: the data set as downloaded.
        file: the datalist.

    Raises:
        DataError: anything is wrong with the data.
        ConfigError: the datalist that there is has other cases.
    """
    config = resolve(protocol.preset, "light", protocol.settings)["train"]
    if file.is_file():
        datalist = _at_its_place(read_datalist(file), config["layout"], data)
    else:
        split = {
            key: config[key] for key in ("split_by", "test_fraction", "validation_fraction", "seed", "folds", "fold")
        }
        datalist = prepare_datalist(None, config["layout"], data, label_values=config["label_names"], **split)
        if protocol.slice_step > 1:
            for item in select_parts(datalist, "training", "validation"):
                item["slices"] = list(range(0, count_slices(item["image"]), protocol.slice_step))
    return datalist


def fingerprint_images(protocol: Protocol, datalist: Datalist) -> str:
    """What identifies images and labels and the parts they are in, but not where they lie, as a short text."""
    items = [(part, item) for part in PARTS for item in datalist[part]]
    digest = hashlib.sha256()
    for part, item in tqdm(items, desc="Identifying", unit="image", disable=None, leave=False):
        digest.update(f"{part} {item['case']}".encode())
        for key, reader in (("image", image_reader(item["image"])), ("label", LabelReader({"1": "foreground"}))):
            digest.update(np.ascontiguousarray(LoadImage(reader=reader)(item[key])).tobytes())
    return digest.hexdigest()[:16]


def _at_its_place(datalist: Datalist, layout: str, data: Path) -> Datalist:
    now: dict[str, Any] = {item["case"]: item for item in scan_dataset(layout, data).items}
    items = select_parts(datalist, *PARTS)
    missing = next((item["case"] for item in items if item["case"] not in now), None)
    if missing is not None:
        raise ConfigError(f"{data} has no case {missing}, which the comparison was begun with: give the same images.")
    for item in items:
        item |= {key: now[item["case"]][key] for key in ("image", "label")}
    return datalist
