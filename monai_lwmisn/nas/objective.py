"""What the search adds to the segmentation loss: the price of complexity (paper, eq. 5 to 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.nas.costs import COSTS, CostTable
from monai_lwmisn.networks import Supernet

EXPECTATIONS = ("softmax", "linear")
_SCALES = torch.tensor([1e-6, 1e-9, 1.0])
"""Millions of parameters, GMac and milliseconds: the units of the paper's tables, in which its lambdas make sense."""


class CostObjective:
    """The terms of the loss that depend on alpha alone.

    Args:
        supernet: whose alpha is priced.
        table: what the candidates cost.
        lambdas: by name of the cost, the weight of its expectation (eq. 12) per million parameters, GMac, millisecond.
        budget: by name of the cost, a limit or None. A limit gets a price of its own, raised after each epoch whose
            derived network is over it and lowered after each whose network is under (dual ascent).
        expectation: ``softmax``, the expectation under the mixture; or ``linear``, alpha itself in place of its
            softmax, as eq. 5 and 7 have it.
        entropy_weight: weight of the mean entropy of the mixtures, which pushes each edge to decide.
        price_step: how much a price rises when a network is at twice its limit.

    Raises:
        ConfigError: for an unknown expectation.
    """

    def __init__(
        self,
        supernet: Supernet,
        table: CostTable,
        *,
        lambdas: Mapping[str, float],
        budget: Mapping[str, float | None],
        expectation: str = "softmax",
        entropy_weight: float = 0.0,
        price_step: float = 0.1,
    ) -> None:
        if expectation not in EXPECTATIONS:
            raise ConfigError(f"expectation is {expectation!r}: use one of {', '.join(EXPECTATIONS)}.")
        self.supernet, self.table = supernet, table
        self.lambdas = torch.tensor([float(lambdas[name]) for name in COSTS]) * _SCALES
        self.limits = {name: limit for name, limit in budget.items() if limit is not None}
        self.expectation = expectation
        self.entropy_weight = entropy_weight
        self.price_step = price_step
        self.prices = dict.fromkeys(self.limits, 0.0)

    def expected_costs(self) -> torch.Tensor:
        """Expected parameters, multiply-accumulates and milliseconds of the supernet's edges, (3,)."""
        alpha = self.supernet.alpha
        return self.table.expected(alpha if self.expectation == "linear" else self.supernet.probabilities())

    def __call__(self) -> torch.Tensor:
        """The scalar to add to the segmentation loss."""
        expected = self.expected_costs()
        loss = (self.lambdas.to(expected) * expected).sum()
        for name, limit in self.limits.items():
            loss = loss + self.prices[name] * expected[COSTS.index(name)] / limit
        if self.entropy_weight:
            probabilities = self.supernet.probabilities()
            loss = loss - self.entropy_weight * (probabilities * probabilities.log()).sum(dim=-1).mean()
        return loss

    def update_prices(self, costs: Mapping[str, float]) -> None:
        """Move the price of each limit by how far the derived network's ``costs`` are from it."""
        for name, limit in self.limits.items():
            self.prices[name] = max(0.0, self.prices[name] + self.price_step * (costs[name] / limit - 1))

    def state_dict(self) -> dict[str, Any]:
        """The prices."""
        return {"prices": dict(self.prices)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the prices over."""
        self.prices = dict(state["prices"])
