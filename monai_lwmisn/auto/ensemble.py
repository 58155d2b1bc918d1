"""Measures what the networks of all folds find together, by the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_lwmisn.config import execute
from monai_lwmisn.files import read_json
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_weights

__all__ = ["Ensemble", "evaluate_ensemble"]


class Ensemble(nn.Module):
    """Gives the logits of the mean of the probabilities of several trained networks.

    Args:
        runs: folders with ``genotype.json`` and ``models/model.pt``.
    """

    def __init__(self, runs: Sequence[str]) -> None:
        super().__init__()
        self.networks = nn.ModuleList()
        for run in map(Path, runs):
            network = LWMISN(Genotype.load(run / "genotype.json"))
            load_weights(network, run / "models" / "model.pt")
            self.networks.append(network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (B, C, H, W) to logits (B, classes, H, W)."""
        logits = torch.stack([network(images) for network in self.networks])
        if logits.shape[2] == 1:
            return logits.sigmoid().mean(dim=0).logit(eps=1e-6)
        return logits.softmax(dim=2).mean(dim=0).clamp(min=1e-6).log()


def evaluate_ensemble(runs: Sequence[Path], chosen: Path, data: Path, dataset: str, output: Path) -> dict[str, Any]:
    """Measure an ensemble on images that none of its networks was trained on.

    Args:
        runs: the run of each fold.
        chosen: the one whose post-processing is taken.
        data: the images and labels.
        dataset: their form, see ``data.dataset``.
        output: the folder for metrics.json and pictures.

    Returns:
        The content of metrics.json.
    """
    changed: dict[str, Any] = {
        "network_def": {"_target_": f"{__name__}.Ensemble", "runs": [str(run.absolute()) for run in runs]},
        "run": ["$@evaluate#evaluator.run()"],
        "data::dataset": dataset,
        "evaluate::other_data": str(data.absolute()),
        "evaluate::costs": False,
    }
    root = chosen.absolute()
    execute(root / "configs" / "evaluate.json", bundle_root=str(root), output_dir=str(output), **changed)
    return read_json(output / "metrics.json")
