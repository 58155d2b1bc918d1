"""Holds what a user asks for, and what is decided: settings with their reasons."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monai_lwmisn.config import fill, override
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.settings import STAGES, all_settings, nearest

EFFORTS = {"quick": 360.0, "normal": 2400.0, "thorough": 9000.0}
"""Seconds of search and training together, for each effort."""

OPTIONS = {"data.folds": "--folds", "search.budget_params": "--size", "search.budget_latency_ms": "--latency"}
"""Settings that other decisions depend on, and the options that ask for them."""

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
"""Seconds of each unit of time."""


@dataclass(frozen=True)
class Decision:
    """One setting.

    Attributes:
        key: the setting, such as ``train.epochs``.
        value: its value.
        reason: why, as a sentence that names the figures it rests on.
    """

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Wishes:
    """What the user asks for.

    Attributes:
        time: seconds of search and training together; None for those of the effort.
        latency_ms: upper limit for milliseconds of an image of 256x256; None for no limit.
        size: upper limit for parameters; None for that of this project.
        effort: quick, normal or thorough.
        folds: folds of a cross-validation; 1 for one split; None to decide by the cases.
        test: whether other data are there to test on.
        compare: also train MONAI's BasicUNet for the same time.
        settings: values that the user decides, by their keys.

    Raises:
        ConfigError: a value is out of range.
    """

    time: float | None = None
    latency_ms: float | None = None
    size: float | None = None
    effort: str = "normal"
    folds: int | None = None
    test: bool = False
    compare: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            raise ConfigError(f"The effort is {self.effort!r}: use one of {', '.join(EFFORTS)}.")
        for name in ("time", "latency_ms", "size"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} is {value}: give a number above 0.")
        if self.folds is not None and self.folds < 1:
            raise ConfigError(f"There are {self.folds} folds asked for: give 1 for one split, or more.")
        for key in self.settings:
            if key in OPTIONS:
                raise ConfigError(f"The setting {key} has an option of its own here: use {OPTIONS[key]}.")
            if key not in all_settings():
                raise ConfigError(f"There is no setting {key!r}: the nearest is {nearest(key, all_settings())!r}.")

    @property
    def shares(self) -> int:
        """Networks that are also trained on a part of the cases, to tell what more labels would bring."""
        return 2 if self.effort == "thorough" else 0

    @property
    def seconds(self) -> float:
        """Seconds of search and training together."""
        return EFFORTS[self.effort] if self.time is None else self.time


def preset_of(decisions: Sequence[Decision]) -> dict[str, Any]:
    """Return decisions as a preset, nested by section."""
    preset: dict[str, Any] = {}
    for decision in decisions:
        section, _, name = decision.key.partition(".")
        preset.setdefault(section, {})[name] = decision.value
    return preset


def with_value(decisions: Sequence[Decision], key: str, value: Any, reason: str) -> list[Decision]:
    """Return decisions with another value of a setting, or with one more."""
    changed = Decision(key, value, reason)
    found = [changed if decision.key == key else decision for decision in decisions]
    return found if changed in found else [*found, changed]


def as_asked(decisions: Sequence[Decision], wishes: Wishes) -> list[Decision]:
    """Return decisions with the values that the user decided.

    Raises:
        ConfigError: a value is of another kind than the setting needs, or out of range.
        BudgetError: a limit of a budget is not a number above 0.
    """
    override({stage: fill(stage, preset_of(decisions)) for stage in STAGES}, wishes.settings)
    for key, value in wishes.settings.items():
        decisions = with_value(decisions, key, value, "As asked.")
    return list(decisions)


def parse_time(text: str) -> float:
    """Return the seconds of a time such as 90s, 30m or 2h.

    Raises:
        ConfigError: it is no such time.
    """
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*([smh])\w*", text.strip())
    if match is None or not float(match[1]):
        raise ConfigError(f"The time {text!r} is not understood: write for example 90s, 30m or 2h.")
    return float(match[1]) * UNITS[match[2]]


def to_dicts(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """Return decisions as JSON has them."""
    return [dataclasses.asdict(decision) for decision in decisions]
