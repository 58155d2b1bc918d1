"""Holds what a user asks for, and what is decided: settings with their reasons."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monai_lwmisn.errors import ConfigError

EFFORTS = {"quick": 360.0, "normal": 2400.0, "thorough": 9000.0}
"""Seconds of search and training together, for each effort."""


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
        folds: folds of a cross-validation; None to decide by the cases.
        test: whether other data are there to test on.
        compare: also train MONAI's BasicUNet for the same time.

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

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            raise ConfigError(f"The effort is {self.effort!r}: use one of {', '.join(EFFORTS)}.")
        for name in ("time", "latency_ms", "size"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} is {value}: give a number above 0.")
        if self.folds is not None and self.folds < 2:
            raise ConfigError(f"There are {self.folds} folds asked for: give at least 2.")

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


def to_dicts(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """Return decisions as JSON has them."""
    return [dataclasses.asdict(decision) for decision in decisions]
