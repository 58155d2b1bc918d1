"""What the search has found so far: derived after every epoch, shown, steered to the budget, and at the end saved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from monai_lwmisn.nas.budget import derive_within
from monai_lwmisn.nas.derivation import Edges, derive
from monai_lwmisn.nas.measure import true_costs
from monai_lwmisn.nas.objective import CostObjective
from monai_lwmisn.networks import Architecture, Edge, Genotype, Supernet
from monai_lwmisn.networks.genotype import candidate_edges


class GenotypeWatch:
    """Derives a genotype from alpha at the end of each epoch.

    Args:
        objective: its supernet is watched, its prices are moved by the costs of what was derived.
        architecture: the shape of the network.
        budget: limits by name of the cost; the saved genotype keeps them.
        latency_runtime: what a limit on the latency is measured under, ``torch`` or ``onnxruntime``.
        max_parameter_free: see :func:`~monai_lwmisn.nas.derivation.derive`.
        stable_epochs: stop the search when the genotype has not changed for so many epochs; 0 for never.
        warmup_epochs: epochs in which alpha stands still, which do not count as stable.
    """

    def __init__(
        self,
        objective: CostObjective,
        architecture: Architecture,
        budget: Mapping[str, float | None],
        *,
        latency_runtime: str = "torch",
        max_parameter_free: int | None = None,
        stable_epochs: int = 0,
        warmup_epochs: int = 0,
    ) -> None:
        self.objective, self.architecture, self.budget = objective, architecture, budget
        self.latency_runtime, self.max_parameter_free = latency_runtime, max_parameter_free
        self.stable_epochs, self.warmup_epochs = stable_epochs, warmup_epochs
        self.edges: Edges | None = None
        self.unchanged = 0

    @property
    def supernet(self) -> Supernet:
        """The supernet that is watched."""
        return self.objective.supernet

    def attach(self, engine: Engine) -> None:
        """Register with ``engine``, before the handler that writes the checkpoint."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Derive, compare with the epoch before, move the prices."""
        table = self.objective.table
        edges = derive(self._probabilities(), table, max_parameter_free=self.max_parameter_free)
        self.unchanged = self.unchanged + 1 if edges == self.edges else 0
        self.edges = edges
        if engine.state.epoch <= self.warmup_epochs:
            self.unchanged = 0
            return
        self.objective.update_prices(table.of(edges))
        if self.stable_epochs and self.unchanged >= self.stable_epochs:
            engine.terminate()

    def costs(self) -> dict[str, float]:
        """Costs, by the table, of what was derived last."""
        return {} if self.edges is None else self.objective.table.of(self.edges)

    def text(self) -> str:
        """What was derived last, on one line: for each node its two operations and where they come from."""
        cells = []
        for group, edges in (self.edges or {}).items():
            parts = [f"{edge.node}<-{edge.predecessor} {edge.operation}" for edge in edges]
            cells.append(f"{group}: " + ", ".join(parts))
        return "; ".join(cells)

    def alpha(self) -> dict[str, dict[str, float]]:
        """The softmax of alpha by ``group/node<-predecessor`` and operation."""
        probabilities = self._probabilities()
        return {
            f"{group}/{node}<-{predecessor}": dict(
                zip(self.supernet.operations, probabilities[index, row].tolist(), strict=True)
            )
            for index, group in enumerate(self.supernet.groups)
            for row, (node, predecessor) in enumerate(candidate_edges())
        }

    def genotype(self) -> Genotype:
        """The strongest genotype that keeps the budget, by the costs of the true network.

        Raises:
            BudgetError: when none does.
        """
        edges = derive_within(
            self._probabilities(),
            self.objective.table,
            self.budget,
            max_parameter_free=self.max_parameter_free,
            measure=true_costs(self.architecture, self.budget, self.latency_runtime),
        )
        return Genotype(self.architecture, edges)

    def save_genotype(self, path: str | os.PathLike[str]) -> None:
        """Write what was found; in a group of processes the first one does."""
        if idist.get_rank() == 0:
            self.genotype().save(path)

    def state_dict(self) -> dict[str, Any]:
        """What decides about stopping."""
        edges = {group: [list(edge) for edge in cell] for group, cell in (self.edges or {}).items()}
        return {"edges": edges, "unchanged": self.unchanged}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take that over."""
        self.edges = {group: tuple(Edge(*edge) for edge in cell) for group, cell in state["edges"].items()} or None
        self.unchanged = state["unchanged"]

    def _probabilities(self) -> torch.Tensor:
        return self.supernet.probabilities().detach().cpu()
