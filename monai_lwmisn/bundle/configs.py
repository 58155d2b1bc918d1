"""The configurations of a bundle: those of a run, without the places of a machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_lwmisn.config import SEARCHED_GENOTYPE, fill, inference_config, known_preset
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json, sha256_of
from monai_lwmisn.inference.postprocessing import OfClassesd
from monai_lwmisn.settings import STAGES, all_settings

_PLACES = {"bundle_root": ".", "dataset_dir": "", "datalist_file": None}
"""The places of a run. The datalist of a bundle is made from the data each time."""

_GENOTYPE = "$@bundle_root + '/genotype.json'"


def bundle_configs(run: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the configurations of a bundle.

    Args:
        run: the configurations of the run by stage, with or without that of the inference.

    Returns:
        By stage: search, train, evaluate and inference.
    """
    configs = {stage: {**config, **_PLACES} for stage, config in run.items() if stage != "inference"}
    configs["search"]["genotype_file"] = SEARCHED_GENOTYPE
    configs["evaluate"]["choice_file"] = None
    if configs["search"]["search"].get("storage") is not None:  # its URL may have a password
        configs["search"]["search"] = {**configs["search"]["search"], "storage": None}
    if configs["search"]["search"]["genotype"] is not None:
        configs["search"]["search"] = {**configs["search"]["search"], "genotype": _GENOTYPE}
    if configs["train"]["train"].get("start") is not None:
        configs["train"]["train"] = {**configs["train"]["train"], "start": None}
    inference = dict(run["inference"]) if "inference" in run else inference_config(run["evaluate"])
    return {**configs, "inference": {**inference, "bundle_root": "."}}


def chosen_inference(run: Path, evaluate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the inference of a run, with what was chosen on its validation part.

    These are the steps of the post-processing, and the quality below which masks are flagged.

    Args:
        run: the run folder.
        evaluate: the configuration of its evaluation.

    Raises:
        ConfigError: they were chosen for other weights than the run has.
    """
    settings, file = dict(evaluate["inference"]), run / (evaluate.get("choice_file") or "")
    if not file.is_file():  # there was nothing to choose
        return settings
    choice = read_json(file)
    if choice["weights_sha256"] != sha256_of(run / "models" / "model.pt"):
        raise ConfigError(f"{file} was chosen for other weights: run lwmisn evaluate {run}.")
    of_classes = {"_target_": f"{OfClassesd.__module__}.{OfClassesd.__name__}", "keys": "pred"}
    steps = settings["postprocessing"]
    settings["postprocessing"] = [
        steps[one["step"]]
        if one["classes"] is None
        else {**of_classes, "transform": steps[one["step"]], "classes": one["classes"]}
        for one in choice["chosen"]
    ]
    if "flag_below" in choice:
        settings["flag_below"] = choice["flag_below"]
    return settings


def changed_settings(run: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings of a run that differ from those of its preset, by dotted key.

    Args:
        run: the configurations of the run by stage.
    """
    search = run["search"]
    # A user's own preset is not in the bundle, so that all of its settings are named.
    own = {"data": {"volumetric": search["data"]["volumetric"]}}
    values = known_preset(search.get("preset"), search.get("variant")) or own
    plain = {stage: fill(stage, values) for stage in STAGES}
    changed: dict[str, Any] = {}
    for key in all_settings():
        if key in ("search.genotype", "search.storage", "train.start"):
            continue  # places
        for stage, config in run.items():
            value = _value(config, key)
            if value != _value(plain[stage], key):
                changed[key] = value
    return changed


def _value(config: Mapping[str, Any], key: str) -> Any:
    section, _, name = key.rpartition(".")
    return (config.get(section, {}) if section else config).get(name)
