"""Reads what the former release wrote: flat settings, genotypes of schema version 1, names of weights.

``configs/former_names.json`` is the table of its names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_lwmisn.config import ABOUT, fill, known_preset, override
from monai_lwmisn.errors import ConfigError, GenotypeError
from monai_lwmisn.files import read_json
from monai_lwmisn.networks.architecture import STAGES as CELL_STAGES
from monai_lwmisn.networks.genotype import SCHEMA_VERSION, Genotype
from monai_lwmisn.settings import CONFIGS, STAGES, all_settings, flatten, is_expression

NAMES = read_json(CONFIGS / "former_names.json")
"""The names of the former release, by those of this one."""


def is_former(folder: Path) -> bool:
    """Return whether a folder is a run or bundle of the former release: its settings do not stand in sections."""
    file = folder / "configs" / "train.json"
    return file.is_file() and "data" not in read_json(file)


def convert_genotype(content: Mapping[str, Any], source: object) -> Genotype:
    """Return the genotype that was written with schema version 1.

    Args:
        content: the JSON object.
        source: the file, for messages.

    Raises:
        GenotypeError: it is of another version, or describes a 3D network.
    """
    if content.get("schema_version") != 1:
        raise GenotypeError(
            f"{source} has schema version {content.get('schema_version')!r}: give a genotype of the former release, "
            "which has 1."
        )
    if content.get("spatial_dims", 2) != 2:
        raise GenotypeError(f"{source} describes a 3D network, and this release has 2D networks only: search another.")
    try:
        architecture = {name: content[name] for name in NAMES["genotype"]}
        edges = content["edges"]
    except KeyError as error:
        raise GenotypeError(f"{source} lacks {error}: give a genotype.json that lwmisn wrote.") from error
    try:
        return Genotype.from_dict({"schema_version": SCHEMA_VERSION, "architecture": architecture, "edges": edges})
    except GenotypeError as error:
        raise GenotypeError(f"{source}: {error}") from error


def convert_weights(state: Any) -> Any:
    """Return a state, such as a state_dict or a checkpoint, with the names that weights have now."""
    if isinstance(state, Mapping):
        return {_weight_name(name): convert_weights(value) for name, value in state.items()}
    if isinstance(state, list):
        return [convert_weights(value) for value in state]
    return state


def convert_configs(folder: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Read the configurations of a run or bundle of the former release, and nest their settings.

    Only settings are taken over. The objects, such as the trainer, are those of this release.

    Returns:
        The configurations by stage, without places; and a sentence for each setting that is left out.

    Raises:
        ConfigError: a file is missing, or a setting has a value that this release has no place for.
    """
    former = {stage: read_json(folder / "configs" / f"{stage}.json", "give a whole folder") for stage in STAGES[:3]}
    if (folder / "configs" / "inference.json").is_file():
        former["inference"] = read_json(folder / "configs" / "inference.json")
    # In a bundle the package has the name scripts.
    former = {stage: _with_targets(config) for stage, config in former.items()}
    notes = _check_gone(former, folder)
    for stage, config in former.items():
        _check_loading(config.get("loading", []), folder / "configs" / f"{stage}.json")
    base = _base(folder, former["search"])
    values = {stage: _values(stage, former, base, folder) for stage in STAGES}
    return override({stage: fill(stage, nested) for stage, nested in values.items()}, {}), notes


def convert_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of the former release's ``--set`` by the keys of this one."""
    present = NAMES["settings"].items()
    return {key: settings[name] for key, name in present if name in settings and key != "search.genotype"}


def convert_command(text: str) -> str:
    """Return a document with the settings in its commands by their names of this release."""
    keys: dict[str, str] = {}
    for key, name in NAMES["settings"].items():
        keys.setdefault(name, key)

    def renamed(match: re.Match[str]) -> str:
        return f"{match[1]}{keys.get(match[2], match[2])}="

    return re.sub(r"(--set '?)(\w+)=", renamed, text)


def _weight_name(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    for former, present in NAMES["weights"].items():
        name = name.replace(former, present)
    return name


def _with_targets(value: Any) -> Any:
    text = re.sub(r'"scripts\.(\w)', r'"monai_lwmisn.\1', json.dumps(value))
    for former, present in NAMES["transforms"].items():
        text = text.replace(json.dumps(former), json.dumps(present))
    return json.loads(text)


def _base(folder: Path, search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the preset of a run or bundle by dotted key, with the settings that the metadata of a bundle name.

    The configurations of a bundle of the former release lack what their stage did not use.
    """
    file = folder / "configs" / "metadata.json"
    facts = read_json(file).get("lwmisn", {}) if file.is_file() else {}
    about = {**facts, **search}
    base = flatten(known_preset(about.get("preset"), about.get("variant")) or {})
    return base | convert_settings(facts.get("settings", {}))


def _check_gone(former: Mapping[str, Mapping[str, Any]], folder: Path) -> list[str]:
    """Refuse or name the settings with another value than their default that this release does not have."""
    for name in _changed(former, NAMES["built"]):
        raise ConfigError(
            f"{folder} sets {name}, which this release does not let a run choose: use the former release for it."
        )
    return [f"{name} is left out: this release has no such setting." for name in _changed(former, NAMES["gone"])]


def _changed(former: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, default in defaults.items()
        if any(name in config and config[name] != default for config in former.values())
    ]


def _check_loading(loading: Any, file: Path) -> None:
    """Refuse what the reader of this release may read otherwise."""
    for transform in loading:
        target = transform.get("_target_")
        reader = transform.get("reader") if target == "LoadImaged" else None
        if target not in NAMES["loading"] or (reader is not None and reader not in NAMES["readers"]):
            raise ConfigError(
                f"{file} loads images with {reader or target}, and this release has one reader for a kind of file: "
                "go on with the former release, or remove it from `loading`."
            )


def _values(
    stage: str, former: Mapping[str, Mapping[str, Any]], base: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Return the values of a stage nested by section, and the entries of a user's own that they refer to."""
    own = former.get(stage, {})
    found = dict(base)
    for key, name in NAMES["settings"].items():
        # A bundle segments with the settings that it was measured with.
        first = former.get("inference", {}) if key.startswith("inference.") else own
        config = next((config for config in (first, own, *former.values()) if name in config), None)
        if config is None or (name in NAMES["expressions"] and config[name] == NAMES["expressions"][name]):
            continue
        if key in base or config[name] != _default(key):
            found[key] = config[name]
    found |= {name: former["search"][name] for name in ABOUT if name in former["search"]}
    _adapt(found, own.get("loading", former["train"].get("loading", [])))
    for key, value in found.items():
        if is_expression(value) and key != "search.genotype":
            raise ConfigError(f"{folder} sets {NAMES['settings'][key]} to the expression {value!r}: write its value.")
    references = set(re.findall(r"@(\w+)", json.dumps(found))) - set(NAMES["settings"].values())
    objects = read_json(CONFIGS / f"{stage}.json")
    found |= {name: own[name] for name in sorted(references) if name in own and name not in objects}
    nested: dict[str, Any] = {}
    for key, value in found.items():
        section, _, name = key.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[name] = _with_references(value)
    return nested


def _default(key: str) -> Any:
    setting = all_settings().get(key)
    return None if setting is None else setting.default


def _adapt(found: dict[str, Any], loading: Any) -> None:
    """Change what has another form or default in this release."""
    cells = {stage: found.pop(f"architecture.cells.{stage}", None) for stage in CELL_STAGES}
    given = {stage: count for stage, count in cells.items() if count is not None}
    found["architecture.cells"] = {**found.get("architecture.cells", {}), **given}
    if "search.genotype" in found:
        found["search.genotype"] = "$@bundle_root + '/genotype.json'"
    if found["data.volumetric"]:
        axes = [step["axcodes"] for step in loading if step["_target_"] == "Orientationd"]
        if axes and axes[0] != _default("data.orientation") and not is_expression(axes[0]):
            found["data.orientation"] = axes[0]
        return
    found.pop("data.spacing_is_real", None)
    # A run measured pictures whole, and its bundle took windows. Both are the same where a picture fits the window.
    if found.get("inference.roi") is None:
        found |= {f"inference.{name}": value for name, value in NAMES["picture_defaults"].items()}


def _with_references(value: Any) -> Any:
    """Return a value in which the settings of the former release are referred to by their keys of this one."""
    keys: dict[str, str] = {}
    for key, name in NAMES["settings"].items():
        keys.setdefault(name, key)
    text = re.sub(r"@(\w+)", lambda match: "@" + keys.get(match[1], match[1]).replace(".", "::"), json.dumps(value))
    return json.loads(text)
