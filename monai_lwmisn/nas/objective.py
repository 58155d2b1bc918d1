"""The terms that the search adds to the segmentation loss: the costs of the network (paper, eq. 5 to 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.nas.costs import COSTS, CostTable
from monai_lwmisn.networks import Supernet

EXPECTATIONS = ("softmax", "linear")

MULTIPLIER_STEP = 0.1
"""Step of dual ascent: how much a multiplier rises when a network is at twice its limit."""

_SCALES = torch.tensor([1e-6, 1e-9, 1.0])
"""To millions of parameters, GMac and milliseconds: the units of the paper's tables, for which its lambdas are."""


class CostObjective:
    """The terms of the loss that depend on alpha alone.

    Args:
        supernet: its alpha decides on the costs.
        table: the costs of the candidates.
        lambdas: by name of the cost, the weight of its expectation (eq. 12) per million parameters, GMac, millisecond.
        budget: by name of the cost, a limit or None. Every limit has a Lagrange multiplier, see
            :meth:`update_multipliers`.
        expectation: ``softmax``, the expectation under the mixture; or ``linear``, alpha itself in place of its
            softmax, as in eq. 5 and 7.

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
    ) -> None:
        if expectation not in EXPECTATIONS:
            raise ConfigError(f"search.expectation is {expectation!r}: use one of {', '.join(EXPECTATIONS)}.")
        self.supernet, self.table = supernet, table
        self.lambdas = torch.tensor([float(lambdas[name]) for name in COSTS]) * _SCALES
        self.limits = {name: limit for name, limit in budget.items() if limit is not None}
        self.expectation = expectation
        self.multipliers = dict.fromkeys(self.limits, 0.0)

    def expected_costs(self) -> torch.Tensor:
        """Return the expected parameters, multiply-accumulates and milliseconds of the supernet's edges, (3,)."""
        if self.expectation == "softmax":
            return self.table.expected(self.supernet.strengths())
        return self.table.expected(self.supernet.alpha * self.supernet.edge_weights()[..., None])

    def __call__(self) -> torch.Tensor:
        """Return the scalar to add to the segmentation loss."""
        expected = self.expected_costs()
        loss = (self.lambdas.to(expected) * expected).sum()
        for name, limit in self.limits.items():
            loss = loss + self.multipliers[name] * expected[COSTS.index(name)] / limit
        return loss

    def update_multipliers(self, costs: Mapping[str, float]) -> None:
        """Take a step of dual ascent.

        A multiplier rises when the derived network's cost is over its limit, and falls, to 0 at most, when it is under.

        Args:
            costs: of the derived network, by name.
        """
        for name, limit in self.limits.items():
            self.multipliers[name] = max(0.0, self.multipliers[name] + MULTIPLIER_STEP * (costs[name] / limit - 1))

    def state_dict(self) -> dict[str, Any]:
        """Return the multipliers."""
        return {"multipliers": dict(self.multipliers)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the multipliers."""
        self.multipliers = dict(state["multipliers"])
