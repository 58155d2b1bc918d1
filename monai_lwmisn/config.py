"""The configuration of a run: presets and their variants, overrides, and the files in the run folder.

A run is described by three MONAI configurations, ``RUN/configs/{search,train,evaluate}.json``. Each is the workflow's
own file in ``monai_lwmisn/configs``, merged with a preset and with what the user set, and is complete: the command line
and ``python -m monai.bundle run`` do the same with it.
"""

from __future__ import annotations

import copy
import difflib
import json
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow

from monai_lwmisn.errors import BudgetError, ConfigError, LWMISNError
from monai_lwmisn.files import read_json, write_json

CONFIGS = Path(__file__).parent / "configs"
PRESETS = CONFIGS / "presets"
WORKFLOWS = ("search", "train", "evaluate")
SEARCHES = {"differentiable": "search", "random": "random_search", "given": "given_genotype"}
"""The file of the search workflow, by the value of the key ``strategy``."""

LEAST = {
    "seed": 0,
    "genotype_seed": 0,
    "search_epochs": 1,
    "search_batch_size": 1,
    "train_epochs": 1,
    "train_batch_size": 1,
    "val_interval": 1,
    "inference_batch_size": 1,
}
"""The smallest value of a key, where there is one."""

BUDGET_KEYS = {"params": "budget_params", "macs": "budget_macs", "latency": "budget_latency_ms"}
BUDGET_UNITS = {
    "params": {"": 1.0, "k": 1e3, "M": 1e6},
    "macs": {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9},
    "latency": {"": 1.0, "ms": 1.0, "s": 1e3},
}


def preset_names() -> list[str]:
    """Names of the presets that come with the package."""
    return sorted({path.stem.rsplit("_", 1)[0] for path in PRESETS.glob("*_*.json")})


def variant_names(preset: str) -> list[str]:
    """Variants of a preset: ``light`` and, where something was published, ``paper``."""
    return sorted(path.stem.rsplit("_", 1)[1] for path in PRESETS.glob(f"{preset}_*.json"))


def load_preset(preset: str, variant: str = "light") -> dict[str, Any]:
    """Read a preset: one that comes with the package by name and variant, or the path of a JSON file of one's own.

    Raises:
        ConfigError: when there is none of that name or variant, or the file is not a JSON object, lacks a key that the
            workflows need or has one that they do not know.
    """
    path = PRESETS / f"{preset}_{variant}.json"
    if preset.endswith(".json"):
        return _read_own_preset(Path(preset))
    if preset not in preset_names():
        raise ConfigError(
            f"There is no preset '{preset}': the nearest is '{_nearest(preset, preset_names())}' "
            f"(of {', '.join(preset_names())})."
        )
    if variant not in variant_names(preset):
        raise ConfigError(
            f"The preset '{preset}' has no variant '{variant}': use {' or '.join(variant_names(preset))}."
        )
    return read_json(path)


def resolve(
    preset: str, variant: str = "light", overrides: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """The configuration of each workflow: its own file, then the preset, then the overrides.

    Args:
        preset: see :func:`load_preset`.
        variant: see :func:`load_preset`.
        overrides: by key; ``"::"`` leads into a value, as in ``"loading::0::image_only"``.

    Returns:
        ``{"search": ..., "train": ..., "evaluate": ...}``.

    Raises:
        ConfigError: for an unknown preset, variant or key, or a value of another kind than the one it replaces.
    """
    values, overrides = load_preset(preset, variant), overrides or {}
    strategy = overrides.get("strategy", values.get("strategy", "differentiable"))
    if strategy not in SEARCHES:
        raise ConfigError(f"There is no strategy {json.dumps(strategy)}: use {' or '.join(SEARCHES)}.")
    files = {"search": SEARCHES[strategy], "train": "train", "evaluate": "evaluate"}
    configs = {workflow: {**read_json(CONFIGS / f"{file}.json"), **values} for workflow, file in files.items()}
    return override(configs, overrides)


def override(configs: Mapping[str, dict[str, Any]], overrides: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Set values in the configurations of workflows, each where its key is.

    Raises:
        ConfigError: for a key that none of them has, or a value of another kind than the one it replaces or too small.
        BudgetError: for a limit that is no number above zero.
    """
    parsers = {workflow: ConfigParser(copy.deepcopy(config)) for workflow, config in configs.items()}
    for key, value in overrides.items():
        having = [parser for parser in parsers.values() if key in parser]
        if not having:
            known = {name for config in configs.values() for name in config if not name.startswith("_")}
            raise ConfigError(f"There is no key '{key}' to set: the nearest is '{_nearest(key, known)}'.")
        for parser in having:
            if not _is_same_kind(parser[key], value):
                raise ConfigError(
                    f"{key} cannot be set to {json.dumps(value)}: give a value like {json.dumps(parser[key])}."
                )
            # 1e3 is how one writes a large whole number, but to JSON it is a float.
            parser[key] = int(value) if _is_integer(parser[key]) and isinstance(value, float) else value
    overridden = {workflow: parser.get() for workflow, parser in parsers.items()}
    for config in overridden.values():
        _check_numbers(config)
    return overridden


def parse_overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` texts; a value is JSON, or a plain text where it is not.

    Raises:
        ConfigError: for a text without a key and an equals sign.
    """
    overrides: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not (key and equals):
            raise ConfigError(f"--set {assignment} is not KEY=VALUE: write for example --set search_epochs=10.")
        try:
            overrides[key] = json.loads(value)
        except json.JSONDecodeError:
            overrides[key] = value
    return overrides


def parse_budget(text: str) -> dict[str, float]:
    """Read ``params=0.1M,macs=0.5G,latency=20ms`` into overrides of the configuration of a search.

    Parameters and multiply-accumulates become plain numbers, latency becomes milliseconds.

    Raises:
        BudgetError: when a part is not one of these.
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
        budget[BUDGET_KEYS[name]] = limit if name == "latency" else round(limit)
    return budget


def write_configs(run: Path, configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write ``run/configs/{search,train,evaluate}.json``, each whole or not at all.

    Raises:
        CheckpointError: when a file cannot be written.
    """
    for workflow, config in configs.items():
        write_json(config, run / "configs" / f"{workflow}.json")


def read_configs(run: Path) -> dict[str, dict[str, Any]]:
    """Read what :func:`write_configs` wrote.

    Raises:
        ConfigError: when ``run`` is not a run folder.
    """
    return {workflow: read_config(run, workflow) for workflow in WORKFLOWS}


def read_config(run: Path, workflow: str) -> dict[str, Any]:
    """Read the configuration of one workflow of a run or bundle.

    Raises:
        ConfigError: when the folder does not have it.
    """
    path = run / "configs" / f"{workflow}.json"
    if not path.is_file():
        raise ConfigError(f"{run} has no configs/{workflow}.json: give a folder that `lwmisn search` wrote.")
    return read_json(path)


def execute(config_file: Path, **runtime: Any) -> None:
    """Run the MONAI workflow in a configuration file: its ``initialize``, ``run`` and ``finalize`` expressions.

    Args:
        config_file: a ``configs/*.json`` of a run or bundle. It names code to call: run only files that you trust.
        runtime: top-level values for this run, such as ``bundle_root`` and ``dataset_dir``.

    Raises:
        LWMISNError: any that the workflow raised, taken out of the errors that MONAI wraps around it.
    """
    try:
        workflow = _quiet_workflow(config_file, runtime)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, LWMISNError):
            cause = cause.__cause__
        if cause is None:
            raise
        raise cause from None


def _quiet_workflow(config_file: Path, runtime: Mapping[str, Any]) -> ConfigWorkflow:
    # It warns about a metadata file and a logging file, which a run, unlike a finished bundle, does not have.
    logger = logging.getLogger(ConfigWorkflow.__module__)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        return ConfigWorkflow(str(config_file), logging_file=False, workflow_type=None, **runtime)
    finally:
        logger.setLevel(level)


def _read_own_preset(path: Path) -> dict[str, Any]:
    preset = read_json(path)
    workflows = [read_json(file) for file in CONFIGS.glob("*.json")]
    shipped = [read_json(file) for file in PRESETS.glob("*.json")]
    # A preset may have keys of its own for its own use.
    known = {key for config in (*workflows, *shipped) for key in config} | _references(preset)
    for key in preset:
        if key not in known:
            raise ConfigError(f"{path} has the unknown key '{key}': the nearest is '{_nearest(key, known)}'.")
    needed = {key for config in workflows for key in _references(config) - set(config)}
    missing = sorted(needed - set(preset))
    if missing:
        raise ConfigError(
            f"{path} lacks {', '.join(missing)}: add what the workflows need, as in {PRESETS / 'nuclei_light.json'}."
        )
    return preset


def _references(config: Mapping[str, Any]) -> set[str]:
    """The top-level keys that the values of a configuration refer to."""
    return set(re.findall(r"@(\w+)", json.dumps(config)))


def _check_numbers(config: Mapping[str, Any]) -> None:
    for key, least in LEAST.items():
        value = config.get(key)
        if isinstance(value, (int, float)) and not value >= least:
            raise ConfigError(f"{key} is {value}: give a number from {least} on.")
    for key in BUDGET_KEYS.values():
        limit = config.get(key)
        if limit is None or _is_expression(limit):
            continue
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
            raise BudgetError(f"{key} is {json.dumps(limit)}: give a number above 0, or null for no limit.")


def _nearest(name: str, known: Iterable[str]) -> str:
    return difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]


def _is_same_kind(old: Any, new: Any) -> bool:
    if old is None or new is None or _is_expression(old) or _is_expression(new):
        return True
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, int) and isinstance(new, float):
        return new.is_integer()
    if isinstance(old, (int, float)):
        return isinstance(new, (int, float))
    return isinstance(new, type(old))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("$", "@", "%")
