"""Reads what the stages left in the folder of an `auto` run. Every file may be missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from monai_lwmisn.auto.scores import mean_of_objects
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import parse_json
from monai_lwmisn.inference.quality import LOOK_AT_THIS

__all__ = ["Case", "ClassScore", "LeftOut", "Results", "Run"]


class LeftOut(Exception):
    """A section of the report cannot be made; the message is the sentence that says why."""


@dataclass(frozen=True)
class Case:
    """A case on which the network was tested.

    Attributes:
        name: of the case.
        run: place of its run among the runs.
        dice: mean over the classes; None where it is not defined.
        classes: Dice by class, empty if there is only one.
        distance_mm: the 95 % Hausdorff distance, of volumes.
        quality: the estimate of its Dice without the truth.
        f1, aji: scores of the objects, see :func:`~monai_lwmisn.auto.scores.objects_words`; None without objects.
        picture: file of the drawing of its errors, if there is one.
    """

    name: str
    run: int
    dice: float | None
    classes: dict[str, float | None]
    distance_mm: float | None
    quality: float | None
    f1: float | None
    aji: float | None
    picture: Path | None


@dataclass(frozen=True)
class ClassScore:
    """How well a class is found.

    Attributes:
        name: of the class.
        dice: mean over the cases; None where no case has it.
        worst, best: of the cases.
        cases, found, invented: cases that have it, those of them where it was found, others where it was predicted.
    """

    name: str
    dice: float | None
    worst: float | None
    best: float | None
    cases: int
    found: int
    invented: int


@dataclass(frozen=True)
class Run:
    """A run folder: the only one, or that of a fold.

    Attributes:
        folder: of the run.
        evaluation: folder of the evaluation that counts.
    """

    folder: Path
    evaluation: Path

    @cached_property
    def metrics(self) -> dict[str, Any] | None:
        """The content of metrics.json; None if the network was not evaluated."""
        path = self.evaluation / "metrics.json"
        return read_object(path) if path.is_file() else None

    @cached_property
    def costs(self) -> dict[str, Any] | None:
        """The metrics.json of the run's own test part, which has the costs of the network; None if there is none."""
        path = self.folder / "evaluation" / "metrics.json"
        content = read_object(path) if path.is_file() else {}
        return content if "params" in content else None


@dataclass(frozen=True)
class Results:
    """The folder of an `auto` run.

    Attributes:
        out: the folder.
    """

    out: Path

    def object(self, name: str, lacks: str) -> dict[str, Any]:
        """Read a JSON file that holds an object.

        Args:
            name: of the file.
            lacks: what the report lacks without it, as the beginning of a sentence.

        Raises:
            LeftOut: it is not there.
            ConfigError: it is not JSON, or holds something else.
        """
        if not (self.out / name).is_file():
            raise LeftOut(f"{lacks}: {name} is not there.")
        return read_object(self.out / name)

    def decisions(self, name: str, lacks: str) -> list[dict[str, Any]]:
        """Read a list of decisions, each with ``key``, ``value`` and ``reason``; see :meth:`object` for errors."""
        if not (self.out / name).is_file():
            raise LeftOut(f"{lacks}: {name} is not there.")
        found = _parsed(self.out / name)
        if not isinstance(found, list) or not all({"key", "value", "reason"} <= {*entry} for entry in found):
            raise ConfigError(f"{name} is no list of decisions")
        return found

    @cached_property
    def result(self) -> dict[str, Any]:
        """The content of result.json, empty if it is not there."""
        path = self.out / "result.json"
        return read_object(path) if path.is_file() else {}

    @cached_property
    def runs(self) -> list[Run]:
        """The run of each fold, or the only run; empty if there is none yet."""
        folds = [path for path in (self.out / "folds").glob("fold_*") if path.name[5:].isdigit()]
        if folds:
            folders = sorted(folds, key=lambda path: int(path.name[5:]))
        else:
            folders = [self.out / "run"] if (self.out / "run").is_dir() else []
        other = "" if self.test is None else f"other-{self.test.resolve().name}"
        return [Run(folder, folder / "evaluation" / other) for folder in folders]

    @cached_property
    def test(self) -> Path | None:
        """The other data to test on that the user gave, if any."""
        asked = self.out / "asked.json"
        test = read_object(asked).get("test") if asked.is_file() else None
        return None if test is None else Path(test)

    @cached_property
    def evaluated(self) -> list[tuple[int, dict[str, Any]]]:
        """The metrics of the runs that were evaluated, with the place of each run among the runs.

        On other data all runs see the same images, so there only the run of the bundle counts.

        Raises:
            LeftOut: there is none.
        """
        found = [(place, run.metrics) for place, run in enumerate(self.runs) if run.metrics is not None]
        if not found:
            raise LeftOut("No scores: the network was not evaluated yet.")
        if self.test is not None:
            chosen = self.out / str(self.result.get("bundle", {}).get("run", ""))
            return [entry for entry in found if self.runs[entry[0]].folder == chosen] or found[:1]
        return found

    @cached_property
    def flag_below(self) -> float:
        """The estimate of quality below which `segment --flag` with the bundle says: look at this.

        Raises:
            LeftOut: there is no bundle.
        """
        path = self.out / "bundle" / "configs" / "inference.json"
        if not path.is_file():
            raise LeftOut("There is no bundle yet, and so no flag.")
        return float(read_object(path)["inference"].get("flag_below", LOOK_AT_THIS))

    @cached_property
    def volumetric(self) -> bool:
        """Whether the images are volumes."""
        return any("dsc_3d" in metrics["mean"] for _, metrics in self.evaluated)

    @property
    def metric(self) -> str:
        """The key of the Dice coefficient that counts."""
        return "dsc_3d" if self.volumetric else "dsc"

    @cached_property
    def label_names(self) -> list[str]:
        """The names of the classes."""
        return list(dict.fromkeys(name for _, metrics in self.evaluated for name in metrics.get("classes", {})))

    @cached_property
    def cases(self) -> list[Case]:
        """All tested cases, worst first, those without a score last."""
        cases = []
        several = len(self.label_names) > 1
        for place, metrics in self.evaluated:
            pictures = self.runs[place].evaluation / "cases"
            for index, row in enumerate(metrics["cases"]):
                picture = pictures / f"{index:04d}.jpg"
                cases.append(
                    Case(
                        name=str(row["case"]),
                        run=place,
                        dice=_number(row.get(self.metric)),
                        classes={name: _number(row.get(self._key(name))) for name in self.label_names if several},
                        distance_mm=_number(row.get("hd95")),
                        quality=_number(row.get("quality")),
                        f1=_number(row.get("f1_50")),
                        aji=_number(row.get("aji")),
                        picture=picture if picture.is_file() else None,
                    )
                )
        return sorted(cases, key=lambda case: math.inf if case.dice is None else case.dice)

    @cached_property
    def classes(self) -> list[ClassScore]:
        """How well each class is found, over all tested cases."""
        scores = []
        for name in self.label_names:
            counts = [metrics["classes"][name] for _, metrics in self.evaluated if name in metrics["classes"]]
            values = [case.classes.get(name) if case.classes else case.dice for case in self.cases]
            known = [value for value in values if value is not None]
            has = sum(int(count["cases"]) for count in counts)
            scores.append(
                ClassScore(
                    name,
                    sum(known) / len(known) if known and has else None,
                    min(known, default=None),
                    max(known, default=None),
                    has,
                    sum(int(count["found"]) for count in counts),
                    sum(int(count["invented"]) for count in counts),
                )
            )
        return scores

    @cached_property
    def dice(self) -> list[float]:
        """The Dice coefficients of the tested cases.

        Raises:
            LeftOut: none is defined.
        """
        known = [case.dice for case in self.cases if case.dice is not None]
        if not known:
            raise LeftOut("No scores: no tested image has a class to be found.")
        return known

    @cached_property
    def of_runs(self) -> list[tuple[int, float, int]]:
        """For each run with scores its place, the mean Dice of its cases, and their number."""
        rows = []
        for place, _ in self.evaluated:
            values = [case.dice for case in self.cases if case.run == place and case.dice is not None]
            if values:
                rows.append((place, sum(values) / len(values), len(values)))
        return rows

    @cached_property
    def objects(self) -> dict[str, float] | None:
        """The mean scores of the objects over the tested cases; None where the labels do not tell objects apart."""
        return mean_of_objects([case for _, metrics in self.evaluated for case in metrics["cases"]])

    @property
    def weights_given(self) -> bool:
        """Whether the training began with the weights of a shipped bundle."""
        path = self.out / "plan.json"
        return path.is_file() and bool(read_object(path).get("weights"))

    @property
    def baseline(self) -> float | None:
        """The Dice of a threshold, for all classes together; None if it was not measured on the tested images."""
        path = self.out / "baseline.json"
        return _number(read_object(path)["dice"]) if path.is_file() and self.test is None else None

    def _key(self, name: str) -> str:
        return f"{self.metric}_{name.replace(' ', '_')}"


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        ConfigError: it is not JSON, or holds something else.
    """
    found = _parsed(path)
    if not isinstance(found, dict):
        raise ConfigError(f"{path.name} holds no object")
    return found


def _parsed(path: Path) -> Any:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path.name} cannot be read") from error


def _number(value: Any) -> float | None:
    """A JSON value as a finite number; None for null.

    Raises:
        TypeError: it is something else.
    """
    number = None if value is None else float(value)
    return number if number is not None and math.isfinite(number) else None
