"""Early stopping of a search, by the edges that it derives.

ignite's ``EarlyStopping`` compares scores and has no state for an exact resume.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai_lwmisn.nas.derivation import Edges
from monai_lwmisn.networks import Edge


class EarlyStop:
    """Tells whether the derived edges have stayed the same for so many epochs.

    Args:
        stable_epochs: number of epochs without a change; 0 never stops.
    """

    def __init__(self, stable_epochs: int) -> None:
        self.stable_epochs = stable_epochs
        self.edges: Edges = {}
        self.unchanged = 0

    @property
    def reached(self) -> bool:
        """Whether to stop."""
        return 0 < self.stable_epochs <= self.unchanged

    def __call__(self, edges: Edges, alpha_moved: bool = True) -> bool:
        """Compare the edges of an epoch with those of the epoch before.

        Args:
            edges: derived at the end of the epoch.
            alpha_moved: whether the epoch trained alpha; one of the warm-up does not count.

        Returns:
            Whether to stop.
        """
        self.unchanged = self.unchanged + 1 if alpha_moved and edges == self.edges else 0
        self.edges = edges
        return self.reached

    def state_dict(self) -> dict[str, Any]:
        """Return the last edges, and for how many epochs they have not changed."""
        edges = {group: [list(edge) for edge in cell] for group, cell in self.edges.items()}
        return {"edges": edges, "unchanged": self.unchanged}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self.edges = {group: tuple(Edge(*edge) for edge in cell) for group, cell in state["edges"].items()}
        self.unchanged = state["unchanged"]
