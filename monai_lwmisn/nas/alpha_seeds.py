"""Keeps what the seeds of a search have found, so that their mean can be derived.

A single search of few steps moves alpha by chance too; what several searches agree on remains in their mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


class AlphaSeeds:
    """The results of the seeds that are finished, and where the present one began.

    Attributes:
        finished: by seed, strengths as :meth:`~monai_lwmisn.networks.Supernet.strengths` gives them.
        first: the number of epochs before the present seed.
    """

    def __init__(self) -> None:
        self.finished: list[torch.Tensor] = []
        self.first = 0

    def mean_with(self, strengths: torch.Tensor) -> torch.Tensor:
        """Return the mean over the finished seeds and the present one, which has these strengths."""
        return torch.stack([*self.finished, strengths]).mean(dim=0)

    def state_dict(self) -> dict[str, Any]:
        """Return the results and the beginning of the present seed."""
        return {"finished": list(self.finished), "first": self.first}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self.finished, self.first = [strengths.cpu() for strengths in state["finished"]], state["first"]
