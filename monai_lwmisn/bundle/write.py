"""A finished run becomes a MONAI Bundle: a folder that runs wherever MONAI is installed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_lwmisn.bundle.card import data_license, load_card, model_card
from monai_lwmisn.bundle.code import SCRIPTS, bundled_code, bundled_text
from monai_lwmisn.bundle.configs import bundle_configs, changed_settings
from monai_lwmisn.bundle.metadata import bundle_metadata, installed_libraries
from monai_lwmisn.config import CONFIGS, read_configs
from monai_lwmisn.data import read_datalist
from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import export_onnx, export_torchscript
from monai_lwmisn.networks.weights import load_weights


def write_bundle(run: Path, bundle: Path) -> str:
    """Write a run as a bundle; a bundle that stands there is replaced, whole.

    Args:
        run: a run folder whose network has been trained, best also evaluated.
        bundle: the folder to make; its name is the bundle's.

    Returns:
        The name of the data set that its model card says it learned from; only the user knows whether it did.

    Raises:
        ConfigError: ``run`` is no run or has not been trained, or ``bundle`` is a folder that is no bundle.
        GenotypeError, CheckpointError: a file of the run cannot be used.
    """
    configs = read_configs(run)
    if not (run / "models" / "model.pt").is_file():
        raise ConfigError(f"{run} has no models/model.pt: train it first, with lwmisn train {run}.")
    if bundle.exists() and not (bundle / "configs" / "metadata.json").is_file():
        raise ConfigError(f"{bundle} exists and is no bundle: give another name, or remove it.")
    genotype = Genotype.load(run / "genotype.json")
    card = load_card(configs["evaluate"].get("preset"), configs["evaluate"])
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=bundle.parent, prefix=f".{bundle.name}.") as folder:
        made = Path(folder) / bundle.name
        _write_texts(run, configs, card, genotype, made)
        _write_weights(run / "models" / "model.pt", genotype, made / "models")
        # In the place of the old one only when the new one is whole.
        old = Path(folder) / "old"
        if bundle.exists():
            bundle.rename(old)
        made.rename(bundle)
    return card["data_name"]


def generated_files(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What a bundle has besides weights and documents, by path: configurations and code.

    Args:
        configs: of the run by workflow.
    """
    texts = bundle_configs(configs)
    # A search needs the whole package; the others get along with what they name.
    search = texts.pop("search")
    code = bundled_code(texts.values())
    return {
        "configs/search.json": search,
        **{f"configs/{name}.json": bundled_text(text) for name, text in texts.items()},
        "configs/logging.conf": (CONFIGS / "logging.conf").read_text(encoding="utf-8"),
        **{f"{SCRIPTS}/{path}": text for path, text in code.items()},
    }


def _write_texts(
    run: Path, configs: Mapping[str, Mapping[str, Any]], card: Mapping[str, Any], genotype: Genotype, bundle: Path
) -> None:
    config = configs["evaluate"]
    metrics_file = run / "evaluation" / "metrics.json"
    metrics = read_json(metrics_file) if metrics_file.is_file() else None
    metadata = bundle_metadata(config, card, genotype, changed_settings(configs), metrics, installed_libraries())
    texts = {
        **generated_files(configs),
        "configs/metadata.json": json.dumps(metadata, indent=4, ensure_ascii=False) + "\n",
        "docs/README.md": model_card(bundle.name, card, metadata, config, metrics, _split(run)),
        "docs/data_license.txt": data_license(card),
        "LICENSE": (Path(__file__).parent / "LICENSE").read_text(encoding="utf-8"),
    }
    for path, text in texts.items():
        (bundle / path).parent.mkdir(parents=True, exist_ok=True)
        (bundle / path).write_text(text, encoding="utf-8")
    genotype.save(bundle / "genotype.json")


def _write_weights(weights: Path, genotype: Genotype, models: Path) -> None:
    network = LWMISN(genotype)
    load_weights(network, weights)
    models.mkdir(parents=True)
    shutil.copyfile(weights, models / "model.pt")
    export_torchscript(network, models / "model.ts")
    export_onnx(network, genotype.architecture.in_channels, models / "model.onnx")


def _split(run: Path) -> dict[str, Any] | None:
    if not (run / "datalist.json").is_file():
        return None
    datalist = read_datalist(run / "datalist.json")
    sizes = {part: sum(len(item.get("slices", [None])) for item in datalist[part]) for part in PARTS}
    return {**datalist["split"], "items": sizes}
