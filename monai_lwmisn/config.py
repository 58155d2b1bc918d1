"""The configuration of a run: presets and their variants, overrides, and the files in the run folder.

A run has three MONAI configurations, ``RUN/configs/{search,train,evaluate}.json``; a bundle has a fourth,
``inference.json``. Each is the stage's own file in ``monai_lwmisn/configs``, filled with the sections of settings that
the stage uses. Each is complete: the command line and ``python -m monai.bundle run`` do the same with it.
"""

from __future__ import annotations

import copy
import json
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from monai_lwmisn.errors import BudgetError, ConfigError, own_error
from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.inference.bundle_contents import EXPRESSIONS, TARGETS, check_contents, entries_of
from monai_lwmisn.settings import (
    CONFIGS,
    SECTIONS,
    STAGES,
    all_settings,
    channels_for,
    check_classes,
    check_slices,
    check_value,
    defaults_of,
    flatten,
    is_same_kind,
    nearest,
)

PRESETS = CONFIGS / "presets"
RUN_STAGES = ("search", "train", "evaluate")
"""The stages that a run folder has a configuration of."""

ABOUT = ("comment", "preset", "variant")
"""Keys that describe a preset."""

SEARCHED_GENOTYPE = "$@output_dir + '/genotype.json'"
"""The genotype_file of the search in a bundle, which must not replace the genotype that the weights belong to."""

_RANDOM_CALLS = {"RandCuCIMd", "RandLambdad", "RandSimulateDelayd", "RandTorchVisiond"}
"""MONAI's random transforms that call functions or wait."""

BUDGET_KEYS = {"params": "budget_params", "macs": "budget_macs", "latency": "budget_latency_ms"}
BUDGET_UNITS = {
    "params": {"": 1.0, "k": 1e3, "M": 1e6},
    "macs": {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9},
    "latency": {"": 1.0, "ms": 1.0, "s": 1e3},
}


def preset_names() -> list[str]:
    """Return the names of the presets that come with the package."""
    return sorted({path.stem.rsplit("_", 1)[0] for path in PRESETS.glob("*_*.json")})


def variant_names(preset: str) -> list[str]:
    """Return the variants of a preset: ``light`` and, where settings were published, ``paper``."""
    return sorted(path.stem.rsplit("_", 1)[1] for path in PRESETS.glob(f"{preset}_*.json"))


def load_preset(preset: str, variant: str = "light") -> dict[str, Any]:
    """Read a preset, nested by section.

    Args:
        preset: the name of one that comes with the package, or the path of a JSON file of one's own, in which
            lines that begin with ``//`` are comments.
        variant: ``light`` or ``paper``; a file of one's own has none.

    Raises:
        ConfigError: there is no such preset or variant, or the file is not a JSON object, lacks a setting that has no
            default, or has one that does not exist.
    """
    if preset.endswith(".json"):
        return _check_preset(read_json(Path(preset), comments=True), preset)
    if preset not in preset_names():
        raise ConfigError(
            f"There is no preset '{preset}': the nearest is '{nearest(preset, preset_names())}' "
            f"(of {', '.join(preset_names())})."
        )
    if variant not in variant_names(preset):
        raise ConfigError(
            f"The preset '{preset}' has no variant '{variant}': use {' or '.join(variant_names(preset))}."
        )
    return read_json(PRESETS / f"{preset}_{variant}.json")


def known_preset(preset: object, variant: object) -> dict[str, Any] | None:
    """Return a preset that comes with the package; None for a user's own."""
    if not isinstance(preset, str) or preset not in preset_names():
        return None
    return load_preset(preset, variant) if isinstance(variant, str) and variant in variant_names(preset) else None


def resolve(
    preset: str, variant: str = "light", overrides: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the configuration of each stage: its own file, then the defaults, the preset and the overrides.

    Args:
        preset: see :func:`load_preset`.
        variant: see :func:`load_preset`.
        overrides: values by dotted key, such as ``train.epochs`` or ``data.intensity.0.lower``.

    Returns:
        ``{"search": ..., "train": ..., "evaluate": ..., "inference": ...}``.

    Raises:
        ConfigError: the preset, variant or a key does not exist, or a value is of another kind than the one it
            replaces, or out of range.
        BudgetError: a limit of a budget is not a number above 0.
    """
    values = load_preset(preset, variant)
    return override({stage: fill(stage, values) for stage in STAGES}, overrides or {})


def fill(stage: str, preset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a stage: its own file, then the defaults and the values of a preset.

    Args:
        stage: search, train, evaluate or inference.
        preset: values nested by section. Settings that the stage does not use are left out.
    """
    config = read_json(CONFIGS / f"{stage}.json")
    known = all_settings()
    about = {name: preset[name] for name in ABOUT if name in preset}
    filled: dict[str, Any] = {**about, **defaults_of(stage)}
    for name, value in config.items():
        filled[name] = {**filled.get(name, {}), **value} if name in SECTIONS else value
    for key, value in flatten(preset).items():
        section, _, name = key.rpartition(".")
        if key not in known:
            # A preset may have entries of its own that its settings refer to.
            if not section and name not in ABOUT:
                filled[name] = value
        elif stage in known[key].stages:
            (filled[section] if section else filled)[name] = value
    if filled["data"]["out_channels"] is None and filled["data"]["label_names"] is not None:
        filled["data"]["out_channels"] = channels_for(filled["data"]["label_names"])
    filled["data"]["loading"] = _loading(stage, filled["data"]["volumetric"])
    return filled


def inference_config(evaluate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inference configuration with the settings of an evaluation's, which segments in the same way."""
    objects = read_json(CONFIGS / "evaluate.json")
    settings = {name: value for name, value in evaluate.items() if name in SECTIONS or name not in objects}
    return fill("inference", settings)


def override(configs: Mapping[str, dict[str, Any]], overrides: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Set values in the configurations of stages, each in all that have its key.

    Args:
        configs: by stage.
        overrides: values by dotted key.

    Raises:
        ConfigError: no configuration has the key, or a value is of another kind than the one it replaces, or out of
            range.
        BudgetError: a limit of a budget is not a number above 0.
    """
    changed = {stage: copy.deepcopy(config) for stage, config in configs.items()}
    overrides = dict(overrides)
    if overrides.get("data.out_channels") is None and isinstance(overrides.get("data.label_names"), Mapping):
        overrides["data.out_channels"] = channels_for(overrides["data.label_names"])
    for key, value in overrides.items():
        places = [place for config in changed.values() if (place := _find(config, key)) is not None]
        if not places:
            raise ConfigError(_unknown_key(key, configs))
        for container, name in places:
            old = container[name]
            if not is_same_kind(key, old, value):
                raise ConfigError(f"{key} cannot be set to {json.dumps(value)}: give a value like {json.dumps(old)}.")
            # 1e3 is how one writes a large whole number, but to JSON it is a float.
            container[name] = int(value) if _is_integer(old) and isinstance(value, float) else value
        check_value(key, value)
    for config in changed.values():
        check_classes(config.get("data", {}))
    if "search" in changed:
        check_slices(changed["search"])
    if "evaluate" in changed and "validation" in changed.get("train", {}).get("train", {}).get("parts", ()):
        # No post-processing is chosen on images that the network learns from: they tell nothing of others.
        changed["evaluate"]["choice_file"] = None
    strategy = changed.get("search", {}).get("search", {}).get("strategy")
    if strategy is not None:
        # The file of the search has a list of steps for each strategy; a macro names the one to run.
        changed["search"]["run"] = f"%{strategy}"
    return changed


def override_stage(configs: Mapping[str, dict[str, Any]], stage: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Set values in the configurations of a run, by the command of one stage.

    Args:
        configs: by stage.
        stage: the stage whose command is given; a key that it does not use is refused.
        overrides: values by dotted key.

    Raises:
        ConfigError: the stage does not use a key, or see :func:`override`.
    """
    override({stage: configs[stage]}, overrides)
    for key in overrides:
        setting = all_settings().get(".".join(key.split(".")[:2]))
        if setting is not None and stage not in setting.set_in:
            raise ConfigError(_unknown_key(setting.key, [stage]))
    return override(configs, overrides)


def parse_overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` texts; a value is JSON, or a plain text where it is not.

    Raises:
        ConfigError: a text has no key or no equals sign.
    """
    overrides: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not (key and equals):
            raise ConfigError(f"--set {assignment} is not KEY=VALUE: write for example --set train.epochs=10.")
        try:
            overrides[key] = json.loads(value)
        except json.JSONDecodeError:
            overrides[key] = value
    return overrides


def parse_budget(text: str) -> dict[str, float]:
    """Read ``params=0.1M,macs=0.5G,latency=20ms`` into overrides of a search.

    Returns:
        Parameters and multiply-accumulates as plain numbers, latency in milliseconds, by dotted key.

    Raises:
        BudgetError: a part is none of these.
    """
    budget: dict[str, float] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\w+)\s*=\s*(\d+\.?\d*|\.\d+)\s*([A-Za-z]*)\s*", part)
        name, number, unit = match.groups() if match else ("", "0", "")
        if name not in BUDGET_KEYS or unit not in BUDGET_UNITS[name] or not float(number):
            raise BudgetError(
                f"The budget '{part.strip()}' is not understood: write for example params=0.1M,macs=0.5G,latency=20ms."
            )
        limit = float(number) * BUDGET_UNITS[name][unit]
        budget[f"search.{BUDGET_KEYS[name]}"] = limit if name == "latency" else round(limit)
    return budget


def write_configs(run: Path, configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the configuration of each stage to ``run/configs``, each file whole or not at all.

    Raises:
        CheckpointError: a file cannot be written.
    """
    for stage, config in configs.items():
        write_json(config, run / "configs" / f"{stage}.json")


def read_configs(run: Path) -> dict[str, dict[str, Any]]:
    """Read the configurations of a run folder.

    Raises:
        ConfigError: ``run`` is no run folder.
    """
    return {stage: read_config(run, stage) for stage in RUN_STAGES}


def read_config(folder: Path, stage: str) -> dict[str, Any]:
    """Read the configuration of one stage of a run or bundle.

    Raises:
        ConfigError: the folder does not have it, or has it in the form of an earlier release; or it is that of a bundle
            and would run code of its own.
    """
    path = folder / "configs" / f"{stage}.json"
    if not folder.exists():
        raise ConfigError(f"{folder} does not exist: give a run folder, which `lwmisn search` makes.")
    if not path.is_file():
        raise ConfigError(
            f"{folder} is no run, it has no configs/{stage}.json: give a folder that `lwmisn search` made."
        )
    config = read_json(path)
    if "data" not in config:
        raise ConfigError(f"{folder} is of an earlier release: convert it, with lwmisn convert {folder} NEW.")
    if (folder / "configs" / "metadata.json").is_file():
        _check_bundle(config, stage, path)
    return config


def _check_bundle(config: Mapping[str, Any], stage: str, path: Path) -> None:
    """Refuse a bundle's configuration of a stage that runs more than the stage's own file and MONAI's transforms."""
    files = [f"{stage}.json", "loading_volume.json", "loading_picture.json"]
    known = [(key, value) for name in files for key, value in entries_of(read_json(CONFIGS / name))]
    asked = {value for key, value in entries_of(config) if key == "_target_" and isinstance(value, str)}
    random = {name for name in asked if re.fullmatch(r"Rand\w+d", name)} - _RANDOM_CALLS
    own = {f"%{strategy}" for strategy in all_settings()["search.strategy"].choices or ()}
    check_contents(
        config,
        path,
        TARGETS | random | {value for key, value in known if key == "_target_"},
        EXPRESSIONS | own | {SEARCHED_GENOTYPE} | {value for _, value in known if isinstance(value, str)},
    )


def execute(config_file: Path, run_id: str = "run", **runtime: Any) -> None:
    """Run the MONAI workflow of a configuration file: its ``initialize``, ``run`` and ``finalize``.

    Args:
        config_file: a ``configs/*.json`` of a run or bundle. It names code to call: run only files that you trust.
        run_id: the list of steps in the file that is run.
        runtime: values of this execution by key, such as ``bundle_root``; ``"::"`` leads into a section.

    Raises:
        LWMISNError: any that the workflow raised, taken out of the errors that MONAI wraps around it.
    """
    # MONAI takes a second to import, which reading and writing configurations do not need.
    from monai.bundle import ConfigWorkflow

    logger = logging.getLogger(ConfigWorkflow.__module__)
    level = logger.level
    # It warns of a metadata file and a logging file, which a run, unlike a finished bundle, does not have.
    logger.setLevel(logging.CRITICAL)
    try:
        workflow = ConfigWorkflow(str(config_file), run_id=run_id, logging_file=False, workflow_type=None, **runtime)
        logger.setLevel(level)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
    except Exception as error:
        own = own_error(error)
        if own is None:
            raise
        raise own from None
    finally:
        logger.setLevel(level)


def _loading(stage: str, volumetric: bool) -> list[dict[str, Any]]:
    """Return the transforms that load an image and, but for inference, its label."""
    transforms = read_json(CONFIGS / f"loading_{'volume' if volumetric else 'picture'}.json")
    return transforms["image"] + ([] if stage == "inference" else transforms["label"])


def _check_preset(preset: dict[str, Any], path: str) -> dict[str, Any]:
    flat = flatten(preset)
    known = {*all_settings(), *ABOUT}
    references = set(re.findall(r"@(\w+)", json.dumps(preset)))
    for key in flat:
        if key not in known and key not in references:
            raise ConfigError(f"{path} has the unknown key '{key}': the nearest is '{nearest(key, known)}'.")
    missing = [key for key, setting in all_settings().items() if setting.required and key not in flat]
    if missing:
        raise ConfigError(f"{path} lacks {', '.join(missing)}: add them, as in {PRESETS / 'nuclei_light.json'}.")
    for key, value in flat.items():
        check_value(key, value)
    return preset


def _find(config: Any, key: str) -> tuple[Any, Any] | None:
    """Return the container of a dotted key and its name there; None where the configuration does not have it."""
    *path, last = key.split(".")
    for part in path:
        config = _entry(config, part)
        if config is None:
            return None
    if isinstance(config, list):
        return (config, int(last)) if last.isdecimal() and int(last) < len(config) else None
    return (config, last) if isinstance(config, dict) and last in config else None


def _entry(container: Any, name: str) -> Any:
    if isinstance(container, list):
        return container[int(name)] if name.isdecimal() and int(name) < len(container) else None
    return container.get(name) if isinstance(container, dict) else None


def _unknown_key(key: str, stages: Iterable[str]) -> str:
    """Return the sentence for a key that these stages do not use."""
    asked = set(stages)
    usable = {name for name, setting in all_settings().items() if asked & set(setting.set_in)}
    if not usable:
        return f"There is no setting '{key}'."
    if key in all_settings():
        where = " and ".join(f"`lwmisn {stage}`" for stage in all_settings()[key].set_in)
        same = sorted(name for name in usable if name.split(".")[-1] == key.split(".")[-1])
        other = same[0] if same else nearest(key, usable)
        return f"{key} is not used here, but by {where}: the nearest that is used is '{other}'."
    return f"There is no setting '{key}': the nearest is '{nearest(key, usable)}'."


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
