"""Accuracy of a bundle after a training on a few labelled images in a MONAI Label server, from two starts.

    PYTHONPATH=.:tests/label .venv-label/bin/python benchmarks/label_learning_curve.py BUNDLE --data PATH \\
        --output docs/results/label_nuclei

The training starts from the bundle's weights or from random ones. BUNDLE must have one structure, and its weights must
never have seen the test part of its data. Some images of the test part are labelled. The accuracy is measured on the
others, which are of other cases. Rows that the .json file has are not repeated. On PYTHONPATH tests/label is
needed only if torchvision is built for CUDA and torch is not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import requests
import torch
from monai.bundle import ConfigParser
from monai.metrics import compute_dice
from monai.transforms import Compose
from PIL import Image
from reports import make_parser, table, write_result

from monai_lwmisn.data import prepare_datalist
from monai_lwmisn.files import read_json
from monai_lwmisn.label.folder import restore
from monai_lwmisn.profiling import processor_name
from tests.label.session import PLUGIN, Session, read_mask, session_of

SPLIT = (
    *("dataset", "split_by", "test_fraction", "validation_fraction", "seed"),
    *("folds", "fold"),
)
"""The settings of the data that determine the split."""


def main() -> None:
    """Measure the missing rows, and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the data set of the bundle, as downloaded")
    parser.add_argument(
        "--labelled", type=int, nargs="+", default=[1, 5, 20], help="numbers of labelled images (default: 1 5 20)"
    )
    parser.add_argument(
        "--most-measured", type=int, default=100, help="largest number of measured images (default: 100)"
    )
    parser.add_argument("--epochs", type=int, default=50, help="epochs of a training (default: 50, as in the plug-in)")
    parser.add_argument("--learning-rate", type=float, help="from the bundle's weights (default: the app's)")
    parser.add_argument("--starts", nargs="+", default=["bundle", "random"], help="default: bundle random")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of images (default: 0)")
    arguments = parser.parse_args()
    labelled, measured = choose(arguments)
    rows = _read(arguments.output)
    items = {_name(item): item for item in labelled + measured}

    def write(config: dict[str, Any], folder: Path) -> dict[str, Path]:
        return write_images(arguments.bundle, items, folder)

    with session_of(arguments.bundle, write) as session:
        names = [_name(item) for item in measured]
        _keep(rows, {"start": "bundle", "labelled": 0}, lambda: {"dsc": dice(session, names)}, arguments)
        for count in arguments.labelled:
            for item in labelled[:count]:
                _put(session, _name(item))
            for start in arguments.starts:
                key = {"start": start, "labelled": count}
                _keep(rows, key, lambda start=start: _learn(session, start, names, arguments), arguments)


def choose(arguments: argparse.Namespace) -> tuple[list[dict], list[dict]]:
    """Return the images of the test part to label and to measure. Their groups are disjoint."""
    settings = read_json(arguments.bundle / "configs" / "train.json")["data"]
    test = prepare_datalist(None, path=arguments.data, data=settings, **{name: settings[name] for name in SPLIT})[
        "test"
    ]
    order = np.random.default_rng(arguments.seed).permutation(len(test))
    shuffled = [test[index] for index in order]
    labelled = shuffled[: max(arguments.labelled)]
    known = {item.get("group", item["case"]) for item in labelled}
    others = [item for item in shuffled if item.get("group", item["case"]) not in known]
    return labelled, others[: arguments.most_measured]


def write_images(bundle: Path, items: dict[str, dict], folder: Path) -> dict[str, Path]:
    """Write the images to ``folder`` and their labels beside it, in formats that the server accepts."""
    data = read_json(bundle / "configs" / "train.json")["data"]
    load = Compose(ConfigParser({"data": data}).get_parsed_content("data::loading"))
    labels = folder.with_name("labels")
    labels.mkdir()
    folder.mkdir()
    truths = {}
    for name, item in items.items():
        loaded = load({"image": item["image"], "label": item["label"]})
        for key, place in (("image", folder), ("label", labels)):
            path = place / f"{name}{'.png' if loaded[key].ndim == 3 else '.nii.gz'}"
            _save(loaded[key], path, np.uint8 if key == "label" or path.suffix == ".png" else np.float32)
        truths[name] = path
    return truths


def _save(array: Any, path: Path, dtype: type) -> None:
    values = array.numpy().astype(dtype)
    if path.suffix == ".png":
        picture = values[0] if values.shape[0] == 1 else np.moveaxis(values, 0, -1)
        # The first axis of a picture in MONAI is its width.
        Image.fromarray(np.ascontiguousarray(picture.swapaxes(0, 1))).save(path)
    else:
        nibabel.save(nibabel.Nifti1Image(values[0], array.affine.numpy()), path)


def dice(session: Session, names: list[str]) -> float:
    """Return the mean DSC of the server's masks over images."""
    values = []
    for name in names:
        answer = session.infer(name, **(PLUGIN if session.data["volumetric"] else {}))
        answer.raise_for_status()
        mask, truth = (
            torch.from_numpy(read_mask(content, session, file)[0] > 0)[None, None]
            for content, file in (
                (answer.content, "mask.nrrd"),
                (session.truths[name].read_bytes(), session.truths[name].name),
            )
        )
        values.append(compute_dice(mask, truth, ignore_empty=False).item())
    return float(np.mean(values))


def _learn(session: Session, start: str, names: list[str], arguments: argparse.Namespace) -> dict[str, float]:
    restore(session.app, session.bundle.name)
    request = {"max_epochs": arguments.epochs, "pretrained": start == "bundle"}
    if start == "bundle" and arguments.learning_rate:
        request["learning_rate"] = arguments.learning_rate
    began = time.perf_counter()
    answer = requests.post(f"{session.address}/train/{session.bundle.name}?run_sync=true", json=request, timeout=None)
    answer.raise_for_status()
    return {"seconds": time.perf_counter() - began, "dsc": dice(session, names)}


def _put(session: Session, name: str) -> None:
    with session.truths[name].open("rb") as file:
        address = f"{session.address}/datastore/label?image={name}&tag=final"
        answer = requests.put(
            address, files={"label": (session.truths[name].name, file)}, data={"params": "{}"}, timeout=60
        )
    answer.raise_for_status()


def _keep(
    rows: list[dict], key: dict[str, Any], measure: Callable[[], dict[str, Any]], arguments: argparse.Namespace
) -> None:
    if any(key.items() <= row.items() for row in rows):
        return
    rows.append({**key, **measure()})
    report = {
        "bundle": arguments.bundle.name,
        "epochs": arguments.epochs,
        "learning_rate": arguments.learning_rate,
        "seed": arguments.seed,
        "processor": processor_name(),
        "rows": rows,
    }
    lines = [
        (row["labelled"], row["start"], f"{row['dsc']:.4f}", f"{row['seconds']:.0f}" if "seconds" in row else "")
        for row in sorted(rows, key=lambda row: (row["labelled"], row["start"]))
    ]
    write_result(
        arguments.output, report, table(["labelled images", "start", "DSC of the others", "training s"], lines)
    )


def _read(output: Path) -> list[dict]:
    file = output.with_suffix(".json")
    return read_json(file)["rows"] if file.is_file() else []


def _name(item: dict) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in str(item["case"]))


if __name__ == "__main__":
    main()
