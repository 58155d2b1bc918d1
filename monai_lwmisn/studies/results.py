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
from monai_lwmisn.studies.models import MODELS
from monai_lwmisn.studies.protocol import Protocol
from monai_lwmisn.studies.trials import DONE, read_trials

GROUPS = {
    "paper": "Networks of the paper's tables",
    "peer": "Light networks and others of today",
    "ours": "Ours",
    "ablation": "Ours, with something left out",
}
"""The parts of a table, in their order."""


@dataclass(frozen=True)
class Row:
    """The results of one network.

    Attributes:
        name: of the network.
        group: ``paper``, ``peer``, ``ours`` or ``ablation``.
        costs: see :func:`monai_lwmisn.studies.costs.measure`.
        trainings: results of the finished trainings, by seed, in order.
        seconds: duration of all searches, pilots and trainings together.
    """

    name: str
    group: str
    costs: dict[str, Any]
    trainings: dict[int, dict[str, Any]]
    seconds: float

    @property
    def tested(self) -> bool:
        """Whether all trainings were evaluated on the test part."""
        return bool(self.trainings) and all("test" in training for training in self.trainings.values())

    @property
    def first(self) -> dict[str, Any]:
        """The finished training with the lowest seed."""
        return next(iter(self.trainings.values()))

    def is_reliable(self, cost: str) -> bool:
        """Whether a cost is exact: a count, or a time that was measured without other programs."""
        return self.costs.get(f"{cost.removesuffix('_ms')}_reliable", True)

    def scores(self, metric: str) -> list[float]:
        """A metric of each training: the mean over the test part (NaN where not defined), or ``validation_dsc``."""
        if metric == "validation_dsc":
            return [training[metric] for training in self.trainings.values()]
        means = [training["test"]["mean"][metric] for training in self.trainings.values()]
        return [float("nan") if mean is None else mean for mean in means]

    def mean(self, metric: str) -> float:
        """The mean of a metric over the trainings."""
        return float(np.mean(self.scores(metric)))

    def cases(self, metric: str) -> list[float]:
        """A metric of each test case: the mean over the trainings, or NaN where the metric is not defined."""
        values = [
            [float("nan") if case[metric] is None else case[metric] for case in training["test"]["cases"]]
            for training in self.trainings.values()
        ]
        return [float(value) for value in np.mean(values, axis=0)]


@dataclass(frozen=True)
class Results:
    """The results of a comparison.

    Attributes:
        out: the folder of the comparison.
        protocol: the protocol of the comparison.
        rows: the networks with results, in the order of :data:`~monai_lwmisn.studies.models.MODELS`. If any network
            was evaluated on the test part, those that were not are left out.
        failures: the reasons of failures, by the names of the networks.
        pending: the work that remains, by the names of the networks.
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
    """Read the folder of a comparison, finished or not. Costs that are missing are measured.

    Raises:
        ConfigError: ``out`` is not a comparison, was written by another release, or has no finished training.
    """
    protocol = _read_protocol(out)
    data = load_preset(protocol.preset, "light")["data"]
    costs = obtain_costs(out, data["in_channels"], data["out_channels"])
    rows, failures, pending = [], {}, {}
    for name, model in MODELS.items():
        if not (out / "trials" / name).is_dir():
            continue
        results = read_trials(out, name)
        done = {trial: result for trial, result in results.items() if result["status"] == DONE}
        seeds = sorted(int(trial.removeprefix("seed_")) for trial in done if trial.startswith("seed_"))
        trainings = {seed: done[f"seed_{seed}"] for seed in seeds}
        if failed := _failures(results, trainings.values()):
            failures[name] = "; ".join(failed)
        if trainings and name in costs:
            seconds = sum(result["seconds"] for result in done.values())
            rows.append(Row(name, model.group, costs[name], trainings, seconds))
            wanted = protocol.seeds_of(costs[name]["macs"])
            if len(trainings) < wanted:
                pending[name] = f"{len(trainings)} of {wanted} trainings"
        else:
            pending[name] = "not trained yet"
    if not rows:
        reasons = "".join(f" {name}: {reason}." for name, reason in failures.items())
        command = f"lwmisn compare --resume --out {out}"
        raise ConfigError(f"{out} has no finished training: resume it with `{command}`.{reasons}")
    tested = [row for row in rows if row.tested]
    if tested:
        untested = {row.name: "not evaluated on the test part yet" for row in rows if not row.tested}
        pending = untested | pending
    return Results(out, protocol, tested or rows, failures, pending)


def _failures(results: Mapping[str, Mapping[str, Any]], trainings: Iterable[Mapping[str, Any]]) -> list[str]:
    """List the failures of a network. A pilot that failed is not one if another pilot succeeded."""
    failed = {trial: result["reason"] for trial, result in results.items() if result["status"] != DONE}
    pilots = {trial for trial in results if trial.startswith("rate_")}
    harmless = pilots & failed.keys() if pilots - failed.keys() else set()
    sentences = [f"{trial}: {reason}" for trial, reason in failed.items() if trial not in harmless]
    return sentences + [f"test: {training['test_failure']}" for training in trainings if "test_failure" in training]


def _read_protocol(out: Path) -> Protocol:
    file = out / "comparison.json"
    if not file.is_file():
        raise ConfigError(f"{out} has no comparison.json: give a folder that `lwmisn compare` wrote.")
    comparison = read_json(file, "give another folder")
    if comparison.get("schema_version") != SCHEMA_VERSION:
        raise ConfigError(f"{file} was written by another release: use that release.")
    return Protocol.from_dict(comparison)
