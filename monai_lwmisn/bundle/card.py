"""The model card of a bundle: its purpose, its training data, its measured quality and its limits."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_lwmisn.config import load_preset, preset_names
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.training.epochs_done import EpochsDone
from monai_lwmisn.training.metric_words import metric_remarks, metric_rows

CARDS = Path(__file__).parent / "cards"
WIDTH = 100
"""Characters of a line."""

TEXTS = ("title", "task", "image", "data_name", "data_source", "data_terms", "weights_terms")
"""The texts that a card must have, see :func:`read_card`."""

OPTIONAL_TEXTS = ("author", "trained", "measured")

NO_LICENCE = "Whoever made this bundle has yet to name the terms of the weights."

NEEDS = (
    "A folder without `monai_lwmisn/` needs the package monai-lwmisn beside MONAI. One with it, such as the standalone "
    "zip that `lwmisn bundle BUNDLE --standalone FILE.zip` writes, segments where MONAI is installed with ignite, "
    "fire, nibabel, itk and scikit-image."
)
TRAINS = (
    "`configs/train.json` and `configs/evaluate.json` train and measure the network again, with `--dataset_dir` on "
    "data of the form `{dataset}`. `configs/search.json` searches another network. All three need the package "
    "monai-lwmisn."
)
SLICES = (
    "A volume is turned to {orientation} and taken slice by slice along its axial axis, as in training. "
    "`--data::slice_axis` takes `sagittal` or `coronal` instead. A warning says when the slices were acquired along "
    "another axis. A DICOM "
    "folder with several series needs `--data::series UID`. DICOM is read where pydicom is installed too, and "
    "compressed DICOM where python-gdcm is."
)


@dataclass(frozen=True)
class Owner:
    """What the owner of a bundle of one's own data says of it; None for what was not said.

    Attributes:
        name: title of the bundle.
        author: whoever made it.
        licence: terms of its weights.
        description: a sentence on its task.
        start: name of the bundle whose weights its training began with.
        start_terms: the terms of those weights.
        card: a JSON file with all that the model card says of the data and the training, see :func:`read_card`.
    """

    name: str | None = None
    author: str | None = None
    licence: str | None = None
    description: str | None = None
    start: str | None = None
    start_terms: str | None = None
    card: Path | None = None


def load_card(preset: str | None, config: Mapping[str, Any], owner: Owner | None = None) -> dict[str, Any]:
    """Return the description of the data of a preset.

    Args:
        preset: its name. Of a user's own preset, the configuration is described.
        config: the evaluation configuration of the run.
        owner: what the owner of the bundle says.

    Raises:
        ConfigError: the owner's card cannot be used.
    """
    path, data, owner = CARDS / f"{preset}.json", config["data"], owner or Owner()
    terms = f"The terms of the weights: {owner.licence}." if owner.licence else None
    # Data in another format than that of the preset are not the preset's data set.
    of_preset = preset is not None and path.is_file() and data["dataset"] == load_preset(preset)["data"]["dataset"]
    if owner.card is not None or of_preset:
        said = {"title": owner.name, "author": owner.author, "task": owner.description, "weights_terms": terms}
        card = read_card(owner.card) if owner.card is not None else read_json(path)
        return {**card, **{key: text for key, text in said.items() if text is not None}}
    structures = ", ".join(data["label_names"].values())
    terms = terms or NO_LICENCE
    if owner.start:
        terms += f" The training began with the weights of {owner.start}: {owner.start_terms}"
    return {
        "title": owner.name or f"{structures.capitalize()} in {data['modality']}",
        "task": (owner.description or f"Segmentation of {structures} in {data['modality']}").rstrip("."),
        "author": owner.author or "Not named",
        "image": f"{data['modality']} images",
        "data_name": "data of the user's own",
        "data_source": "not published",
        "data_terms": "Whoever made this bundle has yet to name the terms of the data.",
        "weights_terms": terms,
        "limits": ["Whoever made this bundle has yet to name its limits."],
    }


def read_card(file: Path) -> dict[str, Any]:
    """Read a card: what its bundle is for, which data it learned from on which terms, and its limits.

    Its texts are ``title``, ``task``, ``image``, ``data_name``, ``data_source``, ``data_terms`` and ``weights_terms``;
    ``limits`` is a list of texts. ``author``, ``trained`` (how the weights were learned, where it was not by
    ``lwmisn train``) and ``measured`` (figures of other networks or data that tell of this one) may be there.

    Raises:
        ConfigError: the file cannot be read, or a text is missing or none.
    """
    card = read_json(file, "give the JSON file of a model card")
    limits = card.get("limits")
    wrong = [key for key in TEXTS if not isinstance(card.get(key), str)]
    wrong += [key for key in OPTIONAL_TEXTS if not isinstance(card.get(key, ""), str)]
    if not isinstance(limits, list) or not all(isinstance(limit, str) for limit in limits):
        wrong.append("limits")
    unknown = sorted(set(card) - {*TEXTS, *OPTIONAL_TEXTS, "limits"})
    if wrong:
        raise ConfigError(f"{file} has no {', '.join(wrong)}: give a text for each, and a list of texts as limits.")
    if unknown:
        known = ", ".join((*TEXTS, *OPTIONAL_TEXTS, "limits"))
        raise ConfigError(f"{file} has {', '.join(unknown)}, which no card knows: use {known}.")
    return card


def model_card(
    name: str,
    card: Mapping[str, Any],
    metadata: Mapping[str, Any],
    config: Mapping[str, Any],
    measured: str,
    training: EpochsDone | None = None,
) -> str:
    """Return the text of docs/README.md.

    Args:
        name: the folder of the bundle.
        card: see :func:`load_card`.
        metadata: see :func:`monai_lwmisn.bundle.metadata.bundle_metadata`.
        config: the evaluation configuration of the run.
        measured: see :func:`measured_text`.
        training: as for :func:`measured_text`; one that is not finished is said at the top.
    """
    facts = metadata["lwmisn"]
    size = "x".join(str(length) for length in facts["macs_of"][1:])
    structures = ", ".join(f"{value}: {label}" for value, label in config["data"]["label_names"].items())
    flips = 2 ** len(config["inference"]["test_time_flips"])
    repeated = f" ({flips} times that with its mirror images, as configured)" if flips > 1 else ""
    run = f"python -m monai.bundle run --config_file {name}/configs/inference.json --bundle_root {name}"
    given = facts["settings"].get("search.strategy") == "given"
    found = "of a genotype that was given" if given else "found by a search on the data below"
    sections = [
        f"# {card['title']}",
        f"Made by {card['author']}." if card.get("author") else "",
        f"{card['task']}, with a light-weight network of {facts['params'] / 1e6:.3f} M parameters and "
        f"{facts['macs'] / 1e9:.3f} G multiply-accumulates for one {size} image{repeated}, {found}.",
        "**For research, not for diagnosis.**",
        f"**{training.sentence()}**" if training is not None and not training.is_finished else "",
        "## Use",
        f"    {run} --dataset_dir FOLDER --output_dir OUT",
        f"Input: {card['image']} ({metadata['data_type']}). Output: one label map for each input, on its own grid; "
        f"0: background, {structures}. {NEEDS}",
        _slices(metadata["network_data_format"]["inputs"]["image"], config["data"]["orientation"])
        if config["data"]["volumetric"]
        else "",
        TRAINS.format(dataset=config["data"]["dataset"]),
        "## Data and terms",
        f"{card['data_name']} ({card['data_source']}). {card['data_terms']}",
        card["weights_terms"],
        card.get("trained", ""),
        "## What was measured",
        measured,
        "## Limits",
        "\n".join(f"- {limit}" for limit in card["limits"]),
        "## The method",
        f"{metadata['references'][0]}; as built in monai_lwmisn. The network is in `genotype.json`.",
    ]
    return wrap_markdown("\n\n".join(section for section in sections if section) + "\n")


def data_license(card: Mapping[str, Any]) -> str:
    """Return the text of docs/data_license.txt."""
    return f"{card['data_name']}\n{card['data_source']}\n\n{card['data_terms']}\n\n{card['weights_terms']}\n"


def measured_text(
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    metrics: Mapping[str, Any] | None,
    split: Mapping[str, Any] | None,
    training: EpochsDone | None = None,
    card: Mapping[str, Any] | None = None,
) -> str:
    """Return the section of a card about measurements: figures, and the commands that give them.

    Args:
        config: the evaluation configuration of the run.
        facts: the section ``lwmisn`` of the metadata.
        metrics: the metrics.json of the run; None where it has not been evaluated.
        split: how the data of the run were split, and how many items each part has; None where not known.
        training: how far the training has come; None where not known.
        card: see :func:`load_card`.
    """
    card = card or {}
    learned = [] if training is None else [training.sentence()]
    other = [card["measured"]] if "measured" in card else []
    if metrics is None:
        return " ".join([*learned, *(other or ["Nothing was measured yet."])])
    data, settings = config["data"], facts["settings"]
    volumetric = data["volumetric"]
    images = "slices" if volumetric else "images"
    counts = metrics["counts"]
    cases = "one case" if counts["cases"] == 1 else f"{counts['cases']} cases"
    said = [*learned, f"On the {metrics['split']} part: {counts['images']} {images} of {cases}."]
    if split is not None:
        parts = ", ".join(f"{count} {part}" for part, count in split["items"].items())
        said.append(f"Split by {split['by']}, seed {split['seed']}: {parts}.")
        if "validation" in settings.get("train.parts", ()):
            said.append("The network was trained on the validation part too.")
    said += metric_remarks(metrics, volumetric)
    rows = [
        f"| {'of which ' if row.of_class else ''}{row.name} | {row.value} |"
        for row in metric_rows(metrics, volumetric, published_size=False)
    ]
    table = "\n".join(["| | |", "|---|---|", *rows])
    commands = [] if "trained" in card else _commands(facts)
    return "\n\n".join([" ".join(said), table, *other, *commands])


def _slices(image: Mapping[str, Any], orientation: str) -> str:
    """How a volume is taken, with the order of the channels where the network sees several slices."""
    text = SLICES.format(orientation=orientation)
    if len(image["channel_def"]) == 1:
        return text
    return f"{text} The network takes as channels, in this order: {', '.join(image['channel_def'].values())}."


def wrap_markdown(text: str) -> str:
    """Return a page whose paragraphs, lists and commands have lines of at most ``WIDTH`` characters."""
    lines = []
    for line in text.split("\n"):
        if line.startswith("    "):
            lines.append(_wrap_command(line))
        elif len(line) > WIDTH and not line.startswith("|"):
            indent = "  " if line.startswith("- ") else ""
            lines.append(
                textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
            )
        else:
            lines.append(line)
    return "\n".join(lines)


def _wrap_command(line: str) -> str:
    """Break a command before its options."""
    first, *options = line.split(" --")
    lines = [first]
    for option in options:
        if len(lines[-1]) + len(option) + len(" -- \\") > WIDTH:
            lines[-1] += " \\"
            lines.append(f"        --{option}")
        else:
            lines[-1] += f" --{option}"
    return "\n".join(lines)


def _commands(facts: Mapping[str, Any]) -> list[str]:
    """Return the commands that repeat the run; none for a user's own preset, which is not in the bundle."""
    if facts["preset"] not in preset_names():
        return []
    variant = "" if facts["variant"] == "light" else f" --variant {facts['variant']}"
    # The file of a given genotype is in no setting; the bundle has the genotype.
    given = facts["settings"].get("search.strategy") == "given"
    options = {key: value for key, value in facts["settings"].items() if not (given and key == "search.strategy")}
    texts = {key: value if '"_target_"' in str(value) else json.dumps(value) for key, value in options.items()}
    text = "".join(f" --set {shlex.quote(f'{key}={value}')}" for key, value in texts.items())
    genotype = " --genotype genotype.json" if given else ""
    search = f"lwmisn search --preset {facts['preset']}{variant} --data DATA --out RUN{genotype}{text}"
    return [f"    {search}\n    lwmisn train RUN\n    lwmisn evaluate RUN"]
