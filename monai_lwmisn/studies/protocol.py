"""The protocol of a comparison: the settings that all networks share."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from monai_lwmisn.config import RUN_STAGES, resolve
from monai_lwmisn.data.datalist import PARTS, Datalist
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.networks.genotype import Genotype
from monai_lwmisn.settings import all_settings
from monai_lwmisn.studies.models import Model

PROTOCOLS = Path(__file__).parent / "protocols"
HEAVY_MACS = 2_000_000_000
"""A network with this many multiply-accumulates at 256x256, or more, is trained with ``heavy_seeds``."""

PILOT_SHARE = 4
"""A pilot, which tries a learning rate, has the epochs of a training divided by this number."""

CACHE = {"data.cache": "disk"}
"""All networks share the loaded and resized images."""


@dataclass(frozen=True)
class Protocol:
    """The settings that all networks of a comparison share.

    Settings are overrides by dotted key; see :func:`monai_lwmisn.config.resolve`.

    Attributes:
        preset: the preset of the data set.
        name: ``full``, ``small`` or ``paper``.
        seeds: trainings of a network, with the seeds 0, 1, ...
        heavy_seeds: trainings of a network with 2 GMac or more at 256x256.
        learning_rates: if there are several, each has a pilot, and a network is trained with the best one.
        settings: settings of training and evaluation, over those of the preset's ``light`` variant.
        search: settings of our searches, over those of that variant.
        slice_step: every ``slice_step``-th slice of a volume is used for training and validation. The test part is
            whole.
        budget_hours: time limit of a training; a pilot has a quarter of it. None for no limit.
    """

    preset: str
    name: str
    seeds: int
    heavy_seeds: int
    learning_rates: tuple[float, ...]
    settings: Mapping[str, Any]
    search: Mapping[str, Any] = field(default_factory=dict)
    slice_step: int = 1
    budget_hours: float | None = None

    @property
    def epochs(self) -> int:
        """Epochs of a training."""
        return int(self.settings["train.epochs"])

    @property
    def learns_from_validation(self) -> bool:
        """Whether the validation part is learned from, so that its figures are no choice between networks."""
        return "validation" in self.settings.get("train.parts", [])

    @property
    def pilot_epochs(self) -> int:
        """Epochs of a pilot: a quarter of those of a training, rounded up."""
        return math.ceil(self.epochs / PILOT_SHARE)

    def seeds_of(self, macs: int) -> int:
        """The number of trainings of a network with ``macs`` multiply-accumulates at 256x256."""
        return self.heavy_seeds if macs >= HEAVY_MACS else self.seeds

    def data_settings(self) -> dict[str, Any]:
        """The section ``data`` of a training's configuration."""
        return self._resolve(self.settings)["train"]["data"]

    def search_configs(self, model: Model) -> dict[str, dict[str, Any]]:
        """The configurations of the search for a network, on the protocol's images."""
        return self._resolve({**self.search, **self.settings, **self._search_of(model)})

    def check_settings(self, models: Iterable[Model]) -> None:
        """Refuse a setting that defines one of the networks.

        Raises:
            ConfigError: there is one. For example, the weight of the latency defines the network ``without_latency``.
        """
        for model in models:
            own = self._search_of(model)
            fixed = sorted(key for key in self.settings if any(_overlap(key, other) for other in own))
            if fixed:
                raise ConfigError(
                    f"--set {fixed[0]} would make {model.name} another network: leave it out, or leave "
                    f"{model.name} out of --models."
                )

    def training_configs(
        self, model: Model, genotype: Genotype | None, rate: float, seed: int, epochs: int
    ) -> dict[str, dict[str, Any]]:
        """The configurations of one training and its evaluation.

        Args:
            model: the network.
            genotype: the genotype of the network; None for a baseline.
            rate: the learning rate.
            seed: seed of the weights, of the order of the images and of their augmentation.
            epochs: number of epochs.
        """
        own = {"train.seed": seed, "train.learning_rate": rate, "train.epochs": epochs, "evaluate.costs": False}
        configs = self._resolve({**self.settings, **own})
        if genotype is None:
            network = {
                "_target_": "monai_lwmisn.studies.baselines.build_baseline",
                "name": model.name,
                "in_channels": "@data::in_channels",
                "out_channels": "@data::out_channels",
            }
            for workflow in ("train", "evaluate"):
                configs[workflow]["network_def"] = network
                configs[workflow]["neighbours"]["slices"] = 1
        if self.budget_hours is not None:
            budget = {
                "_target_": "monai_lwmisn.engines.stopping.TimeBudget",
                "seconds": 3600 * self.budget_hours * epochs / self.epochs,  # a pilot has its share
                "folder": "@output_dir",
            }
            # It comes first, because other handlers act on the last epoch.
            configs["train"]["train"]["handlers"].insert(0, budget)
        return configs

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Protocol:
        """Read the JSON form that :meth:`to_dict` gives. Other keys are ignored."""
        own = {key.name: values[key.name] for key in fields(cls)}
        return cls(**{**own, "learning_rates": tuple(own["learning_rates"])})

    def _resolve(self, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        configs = resolve(self.preset, "light", {**CACHE, **settings})
        return {stage: configs[stage] for stage in RUN_STAGES}

    def _search_of(self, model: Model) -> dict[str, Any]:
        """The settings of a search that define a network."""
        own = dict(model.search or {})
        if model.variant == "paper":
            published = resolve(self.preset, "paper")["search"]
            keys = [key for key in all_settings() if key.startswith(("architecture.", "search."))]
            keys.remove("search.seed")
            own = {**{key: _value(published, key) for key in keys}, **own}
        return own


def load_protocol(
    preset: str,
    name: str = "full",
    *,
    epochs: int | None = None,
    seeds: int | None = None,
    budget_hours: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Protocol:
    """Load a protocol by its name, with the user's changes for all networks.

    Args:
        preset: the preset of the data set.
        name: ``full``, ``small`` or, where a training was published, ``paper``.
        epochs: epochs of a training; None for the protocol's.
        seeds: trainings of each network; None for the protocol's.
        budget_hours: time limit of a training; None for no limit.
        overrides: settings by dotted key.

    Raises:
        ConfigError: the preset has no protocols, the name is unknown, or a number is not above 0.
    """
    file = PROTOCOLS / f"{preset}.json"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in PROTOCOLS.glob("*.json")))
        raise ConfigError(f"There is no protocol for the preset '{preset}': use one of {known}.")
    protocols = read_json(file)
    if name not in protocols:
        raise ConfigError(f"The preset '{preset}' has no protocol '{name}': use {' or '.join(protocols)}.")
    for what, value in (("epochs", epochs), ("seeds", seeds), ("budget-hours", budget_hours)):
        if value is not None and not value > 0:
            raise ConfigError(f"--{what} is {value}: give a number above 0.")
    full, own = protocols["full"], protocols[name]
    values = {**full, **own, "settings": {**full["settings"], **own["settings"], **(overrides or {})}}
    if epochs is not None:
        values["settings"]["train.epochs"] = epochs
    if seeds is not None:
        values |= {"seeds": seeds, "heavy_seeds": seeds}
    values["learning_rates"] = tuple(values["learning_rates"])
    return Protocol(preset=preset, name=name, budget_hours=budget_hours, **values)


def search_fingerprint(configs: Mapping[str, Any], datalist: Datalist) -> str:
    """Return a hash of all that determines a search: its configuration and its images."""
    return _fingerprint([configs["search"]], datalist)


def training_fingerprint(configs: Mapping[str, Any], datalist: Datalist, genotype: Genotype | None) -> str:
    """Return a hash of all that determines a training and its evaluation.

    The configuration of the search is not part of it, because the genotype is.
    """
    architecture = None if genotype is None else genotype.to_dict()
    return _fingerprint([configs["train"], configs["evaluate"], architecture], datalist)


def genotype_fingerprint(genotype: Mapping[str, Any]) -> str:
    """Return a hash of a genotype's JSON form."""
    return _hash(genotype)


def _fingerprint(content: list[Any], datalist: Datalist) -> str:
    images = {part: [(item["case"], item.get("slices")) for item in datalist[part]] for part in PARTS}
    return _hash([*content, images])


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _overlap(one: str, other: str) -> bool:
    """Whether two dotted keys are equal, or one is a part of the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _value(config: Mapping[str, Any], key: str) -> Any:
    section, name = key.split(".")
    return config[section][name]
