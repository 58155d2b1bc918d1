"""Converts what the former release wrote: run folders, bundles, genotypes and weights."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_lwmisn import __version__
from monai_lwmisn.bundle.card import NEEDS, SLICES, TRAINS, wrap_markdown
from monai_lwmisn.bundle.configs import bundle_configs
from monai_lwmisn.bundle.metadata import PACKAGE
from monai_lwmisn.bundle.write import is_bundle, whole_folder, write_fixed_files
from monai_lwmisn.config import RUN_STAGES, write_configs
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.former import (
    convert_command,
    convert_configs,
    convert_genotype,
    convert_settings,
    convert_weights,
    is_former,
)
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_checkpoint, load_weights, save_atomically

BUNDLE_VERSION = "0.2.0"
"""The version of a bundle that was converted."""

_LEFT_OUT = ("scripts", "cache", "model.ts", "model.onnx", "__pycache__", "latency.json", "*.partial")
"""Files that this release makes when they are needed, or does without."""

_SENTENCES = {
    "It runs where MONAI is installed with ignite, fire, nibabel, itk and scikit-image.": NEEDS,
    "`configs/train.json` and `configs/evaluate.json` train and measure it anew with `--dataset_dir` on the data as "
    "downloaded; `configs/search.json` searches another network and needs the package monai-lwmisn.": TRAINS,
    "A volume is turned to RAS and taken slice by slice along its axial axis, as in training; `--slice_axis` takes "
    "`sagittal` or `coronal` instead, and a warning says when the slices were acquired along another axis. A DICOM "
    "folder with several series needs `--series UID`.": SLICES,
    "The validation part was learned from too.": "The network was trained on the validation part too.",
}
"""Sentences of a former model card that are not true any more, and what replaces them."""


def convert(old: Path, new: Path) -> list[str]:
    """Convert a run folder, a bundle, a genotype.json or a file of weights of the former release.

    Args:
        old: what to convert. It is not changed.
        new: the folder or file to write, completely or not at all. It must not exist.

    Returns:
        A sentence for each thing that was not converted.

    Raises:
        ConfigError: ``old`` is none of these, is of this release already or has a setting that this release has no
            place for; or ``new`` exists.
        GenotypeError, CheckpointError: a genotype or weights cannot be converted.
    """
    if new.exists():
        raise ConfigError(f"{new} exists: give the name of a new folder or file.")
    if old.is_dir():
        return _convert_folder(old, new)
    if old.suffix == ".json":
        convert_genotype(read_json(old), old).save(new)
    elif old.suffix == ".pt":
        save_atomically(convert_weights(load_checkpoint(old)), new)
    else:
        raise ConfigError(f"{old} cannot be converted: give a run folder, a bundle's folder, a .json or a .pt file.")
    return []


def _convert_folder(old: Path, new: Path) -> list[str]:
    if not is_former(old):
        raise ConfigError(f"{old} is no run or bundle of the former release: give a folder that it wrote.")
    if not (old / "genotype.json").is_file():
        raise ConfigError(
            f"{old} has no genotype.json, and a search of the former release cannot be resumed: start it again."
        )
    configs, notes = convert_configs(old)
    with whole_folder(new) as made:
        shutil.copytree(old, made, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        if is_bundle(old):
            write_configs(made, bundle_configs(configs))
            _convert_documents(made)
        else:
            places = {"bundle_root": str(new.absolute()), "dataset_dir": _dataset_dir(old)}
            write_configs(made, {stage: {**configs[stage], **places} for stage in RUN_STAGES})
        for file in sorted(made.rglob("genotype.json")):
            former = old / file.relative_to(made)
            convert_genotype(read_json(former), former).save(file)
        for file in sorted(made.rglob("*.pt")):
            if file.parent.name == "search":
                file.unlink()
                notes.append(f"{file.parent.name}/{file.name} is left out: a search cannot be resumed by this release.")
            else:
                save_atomically(convert_weights(load_checkpoint(old / file.relative_to(made))), file)
        if (made / "models" / "model.pt").is_file():
            load_weights(LWMISN(Genotype.load(made / "genotype.json")), made / "models" / "model.pt")
    return notes


def _dataset_dir(old: Path) -> str:
    return str(read_json(old / "configs" / "search.json").get("dataset_dir", ""))


def _convert_documents(bundle: Path) -> None:
    metadata = read_json(bundle / "configs" / "metadata.json")
    write_json(_convert_metadata(metadata), bundle / "configs" / "metadata.json")
    card = bundle / "docs" / "README.md"
    if card.is_file():
        text = card.read_text(encoding="utf-8")
        for former, present in _SENTENCES.items():
            text = text.replace(former, present)
        card.write_text(wrap_markdown(convert_command(text.replace(" \\\n        --", " --"))), encoding="utf-8")
    write_fixed_files(bundle)


def _convert_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    facts = metadata.get("lwmisn", {})
    return {
        **metadata,
        "version": BUNDLE_VERSION,
        "changelog": {
            **metadata.get("changelog", {}),
            BUNDLE_VERSION: f"converted to the form of {PACKAGE} {__version__}, with the same weights",
        },
        "required_packages_version": {**metadata.get("required_packages_version", {}), PACKAGE: __version__},
        "lwmisn": {**facts, "package_version": __version__, "settings": convert_settings(facts.get("settings", {}))},
    }
