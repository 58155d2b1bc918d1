"""The protocol of a comparison: everything that is the same for all networks."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from monai_lwmisn.config import resolve
from monai_lwmisn.data.datalist import PARTS, Datalist
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.networks.genotype import Genotype
from monai_lwmisn.studies.models import Model

PROTOCOLS = Path(__file__).parent / "protocols"
NAMES = ("full", "small")
HEAVY_MACS = 2_000_000_000
"""Multiply-accumulates at 256x256 from which a network has the protocol's ``heavy_seeds``."""

PILOT_SHARE = 4
"""A pilot, which chooses the learning rate, has one part in so many of the epochs."""

_SEARCH_KEYS = frozenset(
    ("encoder_cells", "middle_cells", "decoder_cells", "node_width", "stem_stride")
    + ("alpha_groups", "expectation", "max_parameter_free")
)
_SEARCH_PREFIXES = ("search_", "lambda_", "budget_")


@dataclass(frozen=True)
class Protocol:
    """What is the same for all networks.

    Attributes:
        preset: the data: its layout, split, loading and classes.
        name: ``full`` or ``small``.
        seeds: trainings of a network, with the seeds 0, 1, ...
        heavy_seeds: trainings of a network of 2 GMac or more at 256x256.
        learning_rates: a network is trained with the one that does best in its pilots.
        slice_step: of volumes every so many slices are learned from and validated on; the test part is whole.
        settings: of the training and evaluation, by key, over those of the preset's ``light`` variant.
        search: settings of our searches, over those of that variant.
        budget_hours: of each training, a quarter of it of each pilot; the best weights until then count. None for no
            limit.
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
        """Of a training."""
        return int(self.settings["train_epochs"])

    @property
    def pilot_epochs(self) -> int:
        """Of a pilot: a quarter of those of a training, rounded up."""
        return math.ceil(self.epochs / PILOT_SHARE)

    def seeds_of(self, macs: int) -> int:
        """Number of trainings of a network with so many multiply-accumulates at 256x256."""
        return self.heavy_seeds if macs >= HEAVY_MACS else self.seeds

    def search_configs(self, model: Model) -> dict[str, dict[str, Any]]:
        """The configurations of the search that finds an model's network, on the protocol's images."""
        return resolve(self.preset, "light", {**self.search, **self.settings, **self._search_of(model)})

    def check_settings(self, models: Iterable[Model]) -> None:
        """See that no setting is one that makes a network what it is.

        Raises:
            ConfigError: for one that is, as the latency cost is of the network that is searched without.
        """
        for model in models:
            fixed = sorted(self.settings.keys() & self._search_of(model).keys())
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
            model: whose network is trained.
            genotype: of its network; None for a baseline.
            rate: the learning rate.
            seed: of the weights, the order of the images and their augmentation.
            epochs: how long.
        """
        settings = {
            **self.settings,
            "seed": seed,
            "train_learning_rate": rate,
            "train_epochs": epochs,
            "report_extra": {},
        }
        configs = resolve(self.preset, "light", settings)
        if genotype is None:
            network = {
                "_target_": "monai_lwmisn.studies.baselines.build_baseline",
                "name": model.name,
                "in_channels": "@in_channels",
                "out_channels": "@out_channels",
            }
            for workflow in ("train", "evaluate"):
                configs[workflow]["network_def"] = network
        # In front, so that what happens at the end of the last epoch knows that it is the last.
        configs["train"]["train"]["handlers"][:0] = self._handlers(epochs)
        return configs

    def _search_of(self, model: Model) -> dict[str, Any]:
        """The settings of a search that define an model."""
        own = dict(model.search or {})
        if model.variant == "paper":
            published = resolve(self.preset, "paper")["search"]
            own = {**{key: value for key, value in published.items() if _is_of_search(key)}, **own}
        return own

    def _handlers(self, epochs: int) -> list[dict[str, Any]]:
        handlers: list[dict[str, Any]] = [{"_target_": "monai_lwmisn.studies.stopping.FiniteLoss"}]
        if self.budget_hours is not None:
            handlers.append(
                {
                    "_target_": "monai_lwmisn.studies.stopping.TimeBudget",
                    "seconds": 3600 * self.budget_hours * epochs / self.epochs,  # a pilot has its share
                    "history": "$os.path.join(@output_dir, 'history.jsonl')",
                }
            )
        return handlers

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Protocol:
        """What :meth:`to_dict` gave, whatever stands beside it."""
        own = {key.name: values[key.name] for key in fields(cls)}
        return cls(**{**own, "learning_rates": tuple(own["learning_rates"])})


def load_protocol(
    preset: str,
    name: str = "full",
    *,
    epochs: int | None = None,
    seeds: int | None = None,
    budget_hours: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Protocol:
    """A protocol by its name, with what the user changes in it for all networks.

    Raises:
        ConfigError: for a preset without protocols, an unknown name, or numbers below 1.
    """
    file = PROTOCOLS / f"{preset}.json"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in PROTOCOLS.glob("*.json")))
        raise ConfigError(f"There is no protocol for the preset '{preset}': use one of {known}.")
    if name not in NAMES:
        raise ConfigError(f"There is no protocol '{name}': use {' or '.join(NAMES)}.")
    for what, value in (("epochs", epochs), ("seeds", seeds), ("budget-hours", budget_hours)):
        if value is not None and not value > 0:
            raise ConfigError(f"--{what} is {value}: give a number above 0.")
    full, own = (read_json(file)[key] for key in ("full", name))
    values = {**full, **own, "settings": {**full["settings"], **own["settings"], **(overrides or {})}}
    if epochs is not None:
        values["settings"]["train_epochs"] = epochs
    if seeds is not None:
        values |= {"seeds": seeds, "heavy_seeds": seeds}
    values["learning_rates"] = tuple(values["learning_rates"])
    return Protocol(preset=preset, name=name, budget_hours=budget_hours, **values)


def search_fingerprint(configs: Mapping[str, Any], datalist: Datalist) -> str:
    """What determines a search, as a short text: other settings or images give another."""
    return _fingerprint([configs["search"]], datalist)


def training_fingerprint(configs: Mapping[str, Any], datalist: Datalist, genotype: Genotype | None) -> str:
    """What determines a training and its evaluation, as a short text.

    Settings of a search do not: they have led to the genotype, which does.
    """
    settings = [
        {key: value for key, value in configs[workflow].items() if not _is_of_search(key)}
        for workflow in ("train", "evaluate")
    ]
    return _fingerprint([*settings, None if genotype is None else genotype.to_dict()], datalist)


def _fingerprint(content: list[Any], datalist: Datalist) -> str:
    images = {part: [(item["case"], item.get("slices")) for item in datalist[part]] for part in PARTS}
    content = [*content, images]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _is_of_search(key: str) -> bool:
    return key in _SEARCH_KEYS or key.startswith(_SEARCH_PREFIXES)
