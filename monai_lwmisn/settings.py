"""The table of all settings: sections, defaults, meanings, limits, and the stages that use them.

``configs/settings.json`` and the fields of an architecture are the only source. The table is read without torch, so
that a help answers at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from monai_lwmisn.errors import BudgetError, ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.networks.architecture import Architecture

CONFIGS = Path(__file__).parent / "configs"
STAGES = ("search", "train", "evaluate", "inference")
SECTIONS = ("data", "architecture", "search", "train", "inference", "evaluate")

_ONE_OR_LIST = ("search.search_space", "architecture.skip")
"""Settings that are a name, or a list: a search space or its operations, one skip for all levels or one for each."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        key: its name from preset to code, such as ``train.epochs``.
        default: its value where neither preset nor user gives one.
        required: whether a preset has to give its value.
        meaning: one phrase, with the unit.
        stages: the stages whose configuration has it.
        set_in: the stages whose command may set it.
        least: its smallest value; None for no limit.
        choices: its possible values; None for any.
    """

    key: str
    default: Any
    meaning: str
    stages: tuple[str, ...]
    set_in: tuple[str, ...]
    required: bool = False
    least: float | None = None
    choices: tuple[Any, ...] | None = None


@lru_cache(maxsize=1)
def all_settings() -> dict[str, Setting]:
    """Return every setting by its key."""
    found = {}
    for section, keys in read_json(CONFIGS / "settings.json").items():
        for name, facts in keys.items():
            key = f"{section}.{name}" if section else name
            found[key] = Setting(
                key=key,
                default=facts.get("default"),
                meaning=facts["meaning"],
                stages=tuple(facts["stages"]),
                set_in=tuple(facts.get("set_in", facts["stages"])),
                required=facts.get("required", False),
                least=facts.get("least"),
                choices=tuple(facts["choices"]) if "choices" in facts else None,
            )
    for field in dataclasses.fields(Architecture):
        if "meaning" in field.metadata:
            required = field.default is dataclasses.MISSING
            found[f"architecture.{field.name}"] = Setting(
                key=f"architecture.{field.name}",
                default=None if required else field.default,
                meaning=field.metadata["meaning"],
                stages=("search",),
                set_in=("search",),
                required=required,
                choices=field.metadata.get("choices"),
            )
    return found


def defaults_of(stage: str) -> dict[str, Any]:
    """Return the default of every setting that a stage's configuration has and that has one, nested by section."""
    nested: dict[str, Any] = {}
    for setting in all_settings().values():
        if stage in setting.stages and not setting.required:
            section, _, name = setting.key.rpartition(".")
            (nested.setdefault(section, {}) if section else nested)[name] = setting.default
    return nested


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like a name."""
    return difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]


def check_value(key: str, value: Any) -> None:
    """Refuse a value that is not finite, below a limit, not among the choices, or a password; expressions pass.

    Raises:
        ConfigError: the value is out of range.
        BudgetError: a limit of a budget is not a number above 0.
    """
    setting = all_settings().get(key)
    if setting is None or value is None or is_expression(value):
        return
    if key.startswith("search.budget_") and (not _is_number(value) or not value > 0):
        raise BudgetError(f"{key} is {json.dumps(value)}: give a number above 0, or null for no limit.")
    chosen = value if key in _ONE_OR_LIST and isinstance(value, list) else [value]
    if setting.choices is not None and not all(one in setting.choices for one in chosen):
        raise ConfigError(f"{key} is {json.dumps(value)}: use one of {', '.join(map(str, setting.choices))}.")
    if key == "search.storage" and re.search(r"^[^:]*://[^:/]*:[^@]*@|[?&](ssl)?passw(or)?d=", str(value)):
        raise ConfigError(
            "search.storage has a password, which would lie in the run folder for all to read: leave it out of the "
            "URL, and give it as databases take it, for PostgreSQL in PGPASSWORD or ~/.pgpass."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{key} is {value}: give a number.")
    if setting.least is not None and not (_is_number(value) and value >= setting.least):
        raise ConfigError(f"{key} is {json.dumps(value)}: give a number from {setting.least} on.")


def channels_for(label_names: Mapping[str, str]) -> int:
    """Return the channels of the logits for some classes: 1 for one class, otherwise one more for the background."""
    return 1 if len(label_names) == 1 else len(label_names) + 1


def check_classes(data: Mapping[str, Any]) -> None:
    """Refuse names of classes, channels and objects that do not go together; expressions pass.

    Args:
        data: the section ``data`` of a configuration.

    Raises:
        ConfigError: classes are not numbered 1, 2, ..., the channels are not theirs, or objects of several classes are
            to be numbered.
    """
    names, channels = data.get("label_names"), data.get("out_channels")
    if not isinstance(names, Mapping) or not isinstance(channels, int):
        return
    values = [str(value) for value in range(1, len(names) + 1)]
    if not names or set(names) != set(values):
        raise ConfigError(
            f"data.label_names names the values {', '.join(names) or 'none'}: number the classes in the labels 1, 2, "
            '... without gaps, and name each of them, as in {"1": "liver", "2": "tumour"}.'
        )
    if channels not in {channels_for(names), len(names) + 1}:
        raise ConfigError(
            f"data.out_channels is {channels}, but data.label_names has {len(names)} "
            f"class{'es' if len(names) > 1 else ''}: set data.out_channels={channels_for(names)}, or leave it out."
        )
    if len(names) > 1 and data.get("instances") is True:
        raise ConfigError(
            f"data.instances numbers the objects of one class, but data.label_names has {len(names)} classes: "
            "set data.instances=false."
        )


def check_slices(search: Mapping[str, Any]) -> None:
    """Refuse numbers of neighbouring slices that no network takes, and any for pictures; expressions pass.

    Args:
        search: the configuration of a search.

    Raises:
        ConfigError: a number is none of those of an architecture, or the images are pictures.
    """
    choices = all_settings()["architecture.slices"].choices or ()
    pictures = search.get("data", {}).get("volumetric") is False
    own, drawn = search.get("architecture", {}).get("slices"), search.get("search", {}).get("slices", [1])
    if is_expression(drawn):
        drawn = []
    elif not isinstance(drawn, list) or not drawn or not all(type(each) is int and each in choices for each in drawn):
        raise ConfigError(
            f"search.slices is {json.dumps(drawn)}: give a list of some of {', '.join(map(str, choices))}."
        )
    for remedy, numbers in {"architecture.slices=1": [own], "search.slices=[1]": drawn}.items():
        if pictures and any(isinstance(each, int) and each > 1 for each in numbers):
            raise ConfigError(
                f"{remedy.partition('=')[0]} asks for neighbouring slices of volumes, and the images are pictures: "
                f"set {remedy}."
            )


def is_same_kind(key: str, old: Any, new: Any) -> bool:
    """Return whether a value of a setting may take the place of another; expressions and null may."""
    if old is None or new is None or is_expression(old) or is_expression(new):
        return True
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, int) and isinstance(new, float):
        return new.is_integer()
    if isinstance(old, (int, float)):
        return isinstance(new, (int, float))
    return isinstance(new, type(old)) or (key in _ONE_OR_LIST and isinstance(new, (str, list)))


def is_expression(value: Any) -> bool:
    """Return whether a value is an expression, reference or macro of MONAI's configuration language."""
    return isinstance(value, str) and value[:1] in ("$", "@", "%")


def describe_settings(stage: str) -> str:
    """Return the settings that the command of a stage may set, as lines of text with their defaults."""
    own = [setting for setting in all_settings().values() if stage in setting.set_in]
    width = max(len(setting.key) for setting in own)
    lines = [f"  {setting.key:<{width}}  {setting.meaning} ({_default_text(setting)})" for setting in own]
    return "\n".join(["settings for --set, with their defaults where the preset has none of its own:", *lines])


def settings_table() -> str:
    """Return all settings as a table in Markdown, the content of docs/settings.md."""
    lines = []
    for section in ("", *SECTIONS):
        own = {key: one for key, one in all_settings().items() if key.rpartition(".")[0] == section}
        lines += [f"## `{section}`" if section else "## On top level", "", "| key | default | set with | meaning |"]
        lines.append("|---|---|---|---|")
        for key, setting in own.items():
            commands = ", ".join(stage for stage in setting.set_in if stage != "inference") or "options of segment"
            lines.append(f"| `{key}` | {_default_text(setting, code='`')} | {commands} | {setting.meaning} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def flatten(preset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a nested preset by dotted key, two levels deep."""
    flat: dict[str, Any] = {}
    for section, values in preset.items():
        if section in SECTIONS and isinstance(values, Mapping):
            flat |= {f"{section}.{name}": value for name, value in values.items()}
        else:
            flat[section] = values
    return flat


def _default_text(setting: Setting, code: str = "") -> str:
    if setting.required:
        return "the preset's"
    return f"{code}{json.dumps(setting.default)}{code}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
