"""The networks of a comparison: the baselines, and networks that a search finds, by their settings."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from monai_lwmisn.config import variant_names
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import LWMISN, SEARCH_SPACES, Genotype
from monai_lwmisn.shipped import shipped_bundles
from monai_lwmisn.studies.baselines import BASELINES, build_baseline

OURS = "lwmisn"

_CELLS: dict[str, Any] = {
    "search.strategy": "differentiable",
    "search.search_space": "lwmisn",
    "search.alpha_groups": "stages",
}
"""A search for the cells of a given shape, in the published space."""

_FAST: dict[str, Any] = {
    **_CELLS,
    "architecture.cells": {"encoder": 2, "middle": 1, "decoder": 2},
    "architecture.node_width": [16, 24, 32],
    "architecture.stem_stride": 4,
}
"""A few narrow cells that start at a quarter of the resolution."""

_NO_COSTS: dict[str, Any] = {
    **_CELLS,
    "search.lambda_params": 0.0,
    "search.lambda_macs": 0.0,
    "search.lambda_latency": 0.0,
    "search.budget_params": None,
    "search.budget_macs": None,
}


_DRAWN: dict[str, Any] = {"search.reference_share": 0.8, "search.latency_threads": 1}
"""Whole networks that take at most 0.8 of UNeXt-S's processor time under torch with one thread."""

_EVOLVE: dict[str, Any] = {**_DRAWN, "search.sampler": "mutation", "search.widen": True}
"""Changes of the best of those networks, each as wide as the budget lets it be."""

_TABLE_5: dict[str, Any] = {
    **_CELLS,
    "architecture.cells": {"encoder": 2, "middle": 3, "decoder": 2},
    "architecture.node_width": [16, 24, 32],
}
"""The U shape reduces as often as the contrast network then: twice, after the same stem."""

_CHANCE: dict[str, Any] = {**_DRAWN, "search.sampler": "random", "search.widen": False}
"""Random networks of that space and budget."""

_ONE = {f"search.{name}": 1 for name in ("trials", "trial_epochs", "first_rung", "finalists", "finalist_seeds")}
"""A single random network of the same space and budget: there is nothing to choose from."""


@dataclass(frozen=True)
class Model:
    """A network of a comparison.

    Attributes:
        name: its name in tables, files and on the command line.
        group: its part of a table: ``paper``, ``peer``, ``ours`` or ``ablation``.
        search: settings of the search that finds it; None for a baseline.
        variant: the variant of the preset that ``search`` changes.
        bundle: the shipped bundle whose network it is; nothing is searched then.
        preset: the only preset that the network is for; None for all.
    """

    name: str
    group: str
    search: Mapping[str, Any] | None = None
    variant: str = "light"
    bundle: str | None = None
    preset: str | None = None

    def shipped_genotype(self) -> Genotype:
        """Return the genotype of the bundle.

        Raises:
            ConfigError: this installation has no such bundle.
        """
        folders = {folder.name: folder for folder in shipped_bundles()}
        if self.bundle not in folders:
            raise ConfigError(f"This installation has no bundle '{self.bundle}': leave {self.name} out of --models.")
        return Genotype.load(folders[self.bundle] / "genotype.json")


PAPER = ("unet", "fcn", "attention_unet", "r2_unet", "unet_plus_plus", "nas_unet", "auto_deeplab")
"""The baselines of tables 2 to 4 of the paper."""

_SHIPPED = {
    "shipped_nuclei": ("nuclei", "nuclei_microscopy_lwmisn"),
    "shipped_nuclei_fast": ("nuclei", "nuclei_microscopy_lwmisn_fast"),
    "shipped_prostate": ("prostate_mr", "prostate_mr_lwmisn"),
    "shipped_hippocampus": ("hippocampus_mr", "hippocampus_mr_lwmisn"),
    "shipped_liver": ("liver_ct", "liver_ct_lwmisn"),
}
"""The networks of the shipped bundles, which a comparison trains anew: name, preset and bundle."""

_SEARCHED = [
    Model(OURS, "ours", _CELLS),
    Model("lwmisn_fast", "ours", _FAST),
    *(Model(name, "ours", {}, bundle=bundle, preset=preset) for name, (preset, bundle) in _SHIPPED.items()),
    Model("lwmisn_published", "ours", {}, variant="paper"),
    *(
        Model(f"random_{seed}", "ours", {**_CELLS, "search.strategy": "random", "search.genotype_seed": seed})
        for seed in (1, 2, 3)
    ),
    *(Model(f"evolve_{seed}", "ours", {**_EVOLVE, "search.seed": seed}) for seed in range(5)),
    *(Model(f"best_of_random_{seed}", "ours", {**_CHANCE, "search.seed": seed}) for seed in range(5)),
    *(Model(f"drawn_{seed}", "ours", {**_CHANCE, **_ONE, "search.seed": 100 + seed}) for seed in range(10)),
    Model("darts_based", "paper", {**_NO_COSTS, "search.search_space": "darts"}),
    Model("contrast", "paper", {**_CELLS, "architecture.topology": "contrast"}),
    Model("table5_u", "paper", {**_TABLE_5, "architecture.details": False}),
    Model("table5_contrast", "paper", {**_TABLE_5, "architecture.topology": "contrast"}),
    Model("without_costs", "ablation", _NO_COSTS),
    Model("shared_alpha", "ablation", {**_CELLS, "search.alpha_groups": "shared"}),
    Model("without_latency", "ablation", {**_CELLS, "search.lambda_latency": 0.0}),
    *(
        Model(
            f"without_{operation}",
            "ablation",
            {**_CELLS, "search.search_space": [name for name in SEARCH_SPACES["lwmisn"] if name != operation]},
        )
        for operation in SEARCH_SPACES["lwmisn"]
        if operation != "zero"
    ),
]

MODELS: dict[str, Model] = {
    model.name: model
    for model in (*(Model(name, "paper" if name in PAPER else "peer") for name in BASELINES), *_SEARCHED)
}
"""Every network by its name. A comparison searches ``darts_based`` and ``contrast`` on its own data."""


def find_models(names: Sequence[str], preset: str) -> list[Model]:
    """Return the networks of these names, each once, in this order.

    Args:
        names: names; ``["all"]`` gives all networks that are for the preset, and that it has a variant for.
        preset: the preset of the data set.

    Raises:
        ConfigError: a name is unknown, where the message names the nearest; or the network is for another preset.
    """
    names = [name.strip() for name in names]
    if names == ["all"]:
        variants = variant_names(preset)
        return [model for model in MODELS.values() if model.variant in variants and model.preset in (None, preset)]
    for name in names:
        if name not in MODELS:
            nearest = difflib.get_close_matches(name, MODELS, n=1, cutoff=0.0)[0]
            raise ConfigError(f"There is no model '{name}': the nearest is '{nearest}' (of {', '.join(MODELS)}).")
        if MODELS[name].preset not in (None, preset):
            raise ConfigError(f"{name} is for --preset {MODELS[name].preset}: leave it out of --models.")
    return [MODELS[name] for name in dict.fromkeys(names)]


def input_channels(genotype: Genotype | None, in_channels: int) -> int:
    """Return the channels that a network takes: a searched one may see neighbouring slices, and a baseline does not.

    Args:
        genotype: the genotype that its search found; None for a baseline.
        in_channels: channels of the images.
    """
    return in_channels if genotype is None else genotype.architecture.input_channels


def build_network(model: Model, genotype: Genotype | None, in_channels: int, out_channels: int) -> nn.Module:
    """Build a network with random weights.

    Args:
        model: the network.
        genotype: the genotype that its search found; None for a baseline.
        in_channels: channels of the images.
        out_channels: channels of the logits.
    """
    return build_baseline(model.name, in_channels, out_channels) if genotype is None else LWMISN(genotype)
