"""The results of a comparison, read from its folder: one row for each network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from monai_lwmisn.config import load_preset
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.studies.compare import SCHEMA_VERSION
from monai_lwmisn.studies.costs import obtain_costs
from monai_lwmisn.studies.models import ENTRANTS
from monai_lwmisn.studies.protocol import Protocol
from monai_lwmisn.studies.trials import DONE, read_cells

GROUPS = {
    "paper": "Networks of the paper's tables",
    "peer": "Light networks and others of today",
    "ours": "Ours",
    "ablation": "Ours, with something left out",
}
"""The parts of a table, in their order."""


@dataclass(frozen=True)
class Row:
    """One network of the comparison.

    Attributes:
        name: of the network.
        group: ``paper``, ``peer``, ``ours`` or ``ablation``.
        costs: see :func:`monai_lwmisn.studies.costs.measure`.
        trainings: results of the trainings that are done, by their seeds, in order.
        seconds: of all searches, pilots and trainings together.
    """

    name: str
    group: str
    costs: dict[str, Any]
    trainings: dict[int, dict[str, Any]]
    seconds: float

    @property
    def tested(self) -> bool:
        """Whether all its trainings were measured on the test part."""
        return bool(self.trainings) and all("test" in training for training in self.trainings.values())

    @property
    def first(self) -> dict[str, Any]:
        """The training of the first seed that is done."""
        return next(iter(self.trainings.values()))

    def scores(self, metric: str) -> list[float]:
        """A metric of each training: its mean over the test part, or ``validation_dsc``."""
        if metric == "validation_dsc":
            return [training[metric] for training in self.trainings.values()]
        return [training["test"]["mean"][metric] for training in self.trainings.values()]

    def mean(self, metric: str) -> float:
        """Mean over the trainings."""
        return float(np.mean(self.scores(metric)))

    def cases(self, metric: str) -> list[float]:
        """A metric of each test case, as the mean over the trainings; not a number where it does not exist."""
        values = [
            [float("nan") if case[metric] is None else case[metric] for case in training["test"]["cases"]]
            for training in self.trainings.values()
        ]
        return [float(value) for value in np.mean(values, axis=0)]


@dataclass(frozen=True)
class Results:
    """What a comparison has come to.

    Attributes:
        out: its folder.
        protocol: that it follows.
        rows: the networks that have something to show, in the order of the entrants: on the test part if any has, and
            otherwise on the validation part.
        failures: sentences by the names of networks in which something failed.
        pending: what is still to be done, by the names of networks that are not finished.
    """

    out: Path
    protocol: Protocol
    rows: list[Row]
    failures: dict[str, str]
    pending: dict[str, str]

    @property
    def tested(self) -> bool:
        """Whether the rows have figures of the test part."""
        return self.rows[0].tested


def read_results(out: Path) -> Results:
    """Read the folder of a comparison, finished or not; costs that it does not have yet are measured.

    Raises:
        ConfigError: it is none, of another release, or nothing in it is done.
    """
    protocol = _read_protocol(out)
    preset = load_preset(protocol.preset, "light")
    costs = obtain_costs(out, preset["in_channels"], preset["out_channels"])
    rows, failures, pending = [], {}, {}
    for name, entrant in ENTRANTS.items():
        if not (out / "cells" / name).is_dir():
            continue
        results = read_cells(out, name)
        done = {cell: result for cell, result in results.items() if result["status"] == DONE}
        seeds = sorted(int(cell.removeprefix("seed_")) for cell in done if cell.startswith("seed_"))
        trainings = {seed: done[f"seed_{seed}"] for seed in seeds}
        if failed := _failures(results, trainings.values()):
            failures[name] = "; ".join(failed)
        if trainings and name in costs:
            seconds = sum(result["seconds"] for result in done.values())
            rows.append(Row(name, entrant.group, costs[name], trainings, seconds))
            wanted = protocol.seeds_of(costs[name]["macs"])
            if len(trainings) < wanted:
                pending[name] = f"{len(trainings)} of {wanted} trainings"
        else:
            pending[name] = "not trained yet"
    if not rows:
        reasons = "".join(f" {name}: {reason}." for name, reason in failures.items())
        raise ConfigError(f"{out} has no finished training: go on with `lwmisn compare --resume --out {out}`.{reasons}")
    tested = [row for row in rows if row.tested]
    if tested:
        untested = {row.name: "not measured on the test part yet" for row in rows if not row.tested}
        pending = untested | pending
    return Results(out, protocol, tested or rows, failures, pending)


def _failures(results: Mapping[str, Mapping[str, Any]], trainings: Iterable[Mapping[str, Any]]) -> list[str]:
    """What went wrong with a network; not a learning rate that it cannot bear, as long as there is another."""
    failed = {cell: result["reason"] for cell, result in results.items() if result["status"] != DONE}
    pilots = {cell for cell in results if cell.startswith("rate_")}
    harmless = pilots & failed.keys() if pilots - failed.keys() else set()
    sentences = [f"{cell}: {reason}" for cell, reason in failed.items() if cell not in harmless]
    return sentences + [f"test: {training['test_failure']}" for training in trainings if "test_failure" in training]


def _read_protocol(out: Path) -> Protocol:
    file = out / "comparison.json"
    if not file.is_file():
        raise ConfigError(f"{out} has no comparison.json: give a folder that `lwmisn compare` wrote.")
    comparison = read_json(file, "give another folder")
    if comparison.get("schema_version") != SCHEMA_VERSION:
        raise ConfigError(f"{file} is of another release: use the one that wrote it.")
    return Protocol.from_dict(comparison)
