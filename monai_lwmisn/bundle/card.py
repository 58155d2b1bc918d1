"""The model card of a bundle: what it is for, what it learned from, what was measured, what it cannot do."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_lwmisn.config import load_preset
from monai_lwmisn.files import read_json

CARDS = Path(__file__).parent / "cards"
MEASURES = {
    "dsc": "DSC, mean over {images}",
    "miou": "IoU, mean over {images}",
    "dsc_3d": "DSC of a whole volume, mean over cases",
    "hd95": "95 % Hausdorff distance, mm",
    "surface_dice": "surface Dice",
    "f1_50": "F1 of objects at IoU 0.5",
    "aji": "aggregated Jaccard index of objects",
}
"""What a card says of a metric, in this order; the others stand in metrics.json only."""


def load_card(preset: str | None, config: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of the data of a preset; of one's own preset or layout, what the configuration tells."""
    path = CARDS / f"{preset}.json"
    # Data that are not as its data set is downloaded are not that data set.
    if preset is not None and path.is_file() and config["layout"] == load_preset(preset)["layout"]:
        return read_json(path)
    structures = ", ".join(config["label_names"].values())
    return {
        "title": f"{structures.capitalize()} in {config['modality']}",
        "task": f"Segmentation of {structures} in {config['modality']}",
        "image": f"{config['modality']} images",
        "data_name": "data of the user's own",
        "data_source": "not published",
        "data_terms": "The terms of the data are to be added by whoever made this bundle.",
        "weights_terms": "The terms of the weights follow those of the data.",
        "limits": ["Whoever made this bundle has yet to say what it cannot do."],
    }


def model_card(
    name: str,
    card: Mapping[str, Any],
    metadata: Mapping[str, Any],
    config: Mapping[str, Any],
    metrics: Mapping[str, Any] | None,
    split: Mapping[str, Any] | None,
) -> str:
    """The text of docs/README.md.

    Args:
        name: of the bundle's folder.
        card: see :func:`load_card`.
        metadata: see :func:`monai_lwmisn.bundle.metadata.bundle_metadata`.
        config: the run's evaluation configuration.
        metrics: the run's metrics.json; None where it has not been evaluated.
        split: how the run's data were dealt out, and how many of what each part has; None where not known.
    """
    facts = metadata["lwmisn"]
    size = "x".join(str(length) for length in facts["macs_of"][1:])
    structures = ", ".join(f"{value}: {label}" for value, label in config["label_names"].items())
    flips = 2 ** len(config["test_time_flips"])
    repeated = f" ({flips} times that with its mirror images, as configured)" if flips > 1 else ""
    run = f"python -m monai.bundle run --config_file {name}/configs/inference.json --bundle_root {name}"
    sections = [
        f"# {card['title']}",
        f"{card['task']}, with a light-weight network of {facts['params'] / 1e6:.3f} M parameters and "
        f"{facts['macs'] / 1e9:.3f} G multiply-accumulates for one {size} image{repeated}, found by a search on "
        "the data below.",
        "**For research, not for diagnosis.**",
        "## Use",
        f"    {run} \\\n        --dataset_dir FOLDER --output_dir OUT",
        f"Input: {card['image']} ({metadata['data_type']}). Output: one label map for each input, on its own grid; "
        f"0: background, {structures}. It runs where MONAI is installed with ignite, fire, nibabel, itk and "
        "scikit-image.",
        _grid(config),
        "`configs/train.json` and `configs/evaluate.json` train and measure it anew with `--dataset_dir` on the data "
        "as downloaded; `configs/search.json` searches another network and needs the package monai-lwmisn.",
        "## Data and terms",
        f"{card['data_name']} ({card['data_source']}). {card['data_terms']}",
        card["weights_terms"],
        "## What was measured",
        *_measured(metrics, split, config, facts["settings"]),
        "## Limits",
        "\n".join(f"- {limit}" for limit in card["limits"]),
        "## The method",
        f"{metadata['references'][0]}; as built in monai_lwmisn. The network is in `genotype.json`.",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def data_license(card: Mapping[str, Any]) -> str:
    """The text of docs/data_license.txt."""
    return f"{card['data_name']}\n{card['data_source']}\n\n{card['data_terms']}\n\n{card['weights_terms']}\n"


def _grid(config: Mapping[str, Any]) -> str:
    if not config["volumetric"]:
        return ""
    return (
        "A volume is turned to RAS and taken slice by slice along its axial axis, as in training; `--slice_axis` takes "
        "`sagittal` or `coronal` instead, and a warning says when the slices were acquired along another axis. A DICOM "
        "folder with several series needs `--series UID`."
    )


def _measured(
    metrics: Mapping[str, Any] | None,
    split: Mapping[str, Any] | None,
    config: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> list[str]:
    if metrics is None:
        return ["Nothing yet."]
    images = "slices" if config["volumetric"] else "images"
    rows = [
        f"| {text.format(images=images)} | {metrics['mean'][key]:.4f} |"
        for key, text in MEASURES.items()
        if metrics["mean"].get(key) is not None
    ]
    if len(config["label_names"]) > 1:
        rows += [
            f"| DSC of a whole volume, {label} | {metrics['mean'][key]:.4f} |"
            for label in config["label_names"].values()
            if (key := f"dsc_3d_{label.replace(' ', '_')}") in metrics["mean"]
        ]
    counts = metrics["counts"]
    cases = "one case" if counts["cases"] == 1 else f"{counts['cases']} cases"
    said = [f"On the {metrics['split']} part: {counts['images']} {images} of {cases}."]
    if split is not None:
        parts = ", ".join(f"{count} {part}" for part, count in split["items"].items())
        said.append(f"Split by {split['by']}, seed {split['seed']}: {parts}.")
        if "validation" in settings.get("train_parts", ()):
            said.append("The validation part was learned from too.")
    said.append("An image without foreground counts as 1 where none is predicted.")
    table = "\n".join(["| | |", "|---|---|", *rows])
    # Which genotype was given is in no setting; the bundle has it.
    genotype = " --genotype genotype.json" if settings.get("strategy") == "given" else ""
    options = {key: value for key, value in settings.items() if not genotype or key != "strategy"}
    given = "".join(f" --set {shlex.quote(f'{key}={json.dumps(value)}')}" for key, value in options.items())
    search = f"lwmisn search --preset {config.get('preset')} --data DATA --out RUN{genotype}{given}"
    return [" ".join(said), table, f"    {search}\n    lwmisn train RUN\n    lwmisn evaluate RUN"]
