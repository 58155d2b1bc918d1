"""Who takes part in a comparison: the baselines by name, and networks that are searched first, by their settings."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import LWMISN, SEARCH_SPACES, Genotype
from monai_lwmisn.studies.baselines import BASELINES, build_baseline

OURS = "lwmisn"

_FAST: dict[str, Any] = {
    "encoder_cells": 2,
    "middle_cells": 1,
    "decoder_cells": 2,
    "node_width": [16, 24, 32],
    "stem_stride": 4,
}
"""Cells that start at a quarter of the resolution, few and narrow."""

_NO_COSTS: dict[str, Any] = {
    "lambda_params": 0.0,
    "lambda_macs": 0.0,
    "lambda_latency": 0.0,
    "budget_params": None,
    "budget_macs": None,
}


@dataclass(frozen=True)
class Entrant:
    """A network of the comparison.

    Attributes:
        name: in tables, files and on the command line.
        group: ``paper``, ``peer``, ``ours`` or ``ablation``: the part of the table it stands in.
        search: settings of the search that finds it; None for a baseline.
        variant: of the preset that the search settings change.
    """

    name: str
    group: str
    search: Mapping[str, Any] | None = None
    variant: str = "light"


PAPER = ("unet", "fcn", "attention_unet", "r2_unet", "unet_plus_plus", "nas_unet", "auto_deeplab")
"""The baselines that stand in tables 2 to 4 of the paper."""

_SEARCHED = [
    Entrant(OURS, "ours", {}),
    Entrant("lwmisn_fast", "ours", _FAST),
    Entrant("lwmisn_published", "ours", {}, variant="paper"),
    *(Entrant(f"random_{seed}", "ours", {"strategy": "random", "genotype_seed": seed}) for seed in (1, 2, 3)),
    Entrant("darts_based", "paper", {"search_space": "darts", **_NO_COSTS}),
    Entrant("contrast", "paper", {"topology": "contrast"}),
    Entrant("without_costs", "ablation", _NO_COSTS),
    Entrant("shared_alpha", "ablation", {"alpha_groups": "shared"}),
    Entrant("without_latency", "ablation", {"lambda_latency": 0.0}),
    *(
        Entrant(
            f"without_{operation}",
            "ablation",
            {"search_space": [name for name in SEARCH_SPACES["lwmisn"] if name != operation]},
        )
        for operation in SEARCH_SPACES["lwmisn"]
        if operation != "zero"
    ),
]

ENTRANTS: dict[str, Entrant] = {
    entrant.name: entrant
    for entrant in (*(Entrant(name, "paper" if name in PAPER else "peer") for name in BASELINES), *_SEARCHED)
}
"""Every network by its name. ``darts_based`` and ``contrast`` are searched anew on the data at hand."""


def find_entrants(names: Sequence[str]) -> list[Entrant]:
    """The networks of these names, or all for ``["all"]``; each once, in the order given.

    Raises:
        ConfigError: for an unknown name, with the nearest.
    """
    names = [name.strip() for name in names]
    if names == ["all"]:
        return list(ENTRANTS.values())
    for name in names:
        if name not in ENTRANTS:
            nearest = difflib.get_close_matches(name, ENTRANTS, n=1, cutoff=0.0)[0]
            raise ConfigError(f"There is no model '{name}': the nearest is '{nearest}' (of {', '.join(ENTRANTS)}).")
    return [ENTRANTS[name] for name in dict.fromkeys(names)]


def build_network(entrant: Entrant, genotype: Genotype | None, in_channels: int, out_channels: int) -> nn.Module:
    """The network of an entrant, with untrained weights.

    Args:
        entrant: whose.
        genotype: that its search found; None for a baseline.
        in_channels: of the images.
        out_channels: of the logits.
    """
    return build_baseline(entrant.name, in_channels, out_channels) if genotype is None else LWMISN(genotype)
