"""A small supernet with its trainer, on made batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from monai.losses import DiceCELoss
from torch.utils.data import DataLoader

from monai_lwmisn.nas import CostObjective, SearchTrainer
from monai_lwmisn.networks import Architecture, Supernet
from tests.nas.tables import made_table

ARCHITECTURE = Architecture(
    cells={"encoder": 1, "middle": 0, "decoder": 1}, node_width=(4, 4), in_channels=1, out_channels=1
)


def make_trainer(
    folder: Path, epochs: int = 1, budget: dict[str, float | None] | None = None, mode: str = "full", **settings: Any
) -> SearchTrainer:
    """Build the trainer of a search without a configuration; ``settings`` are further arguments of it."""
    torch.manual_seed(0)
    batches = [{"image": (x := torch.rand(1, 16, 16)), "label": (x > 0.5).float()} for _ in range(4)]
    supernet = Supernet(ARCHITECTURE, mode=mode, edge_weights=mode != "full")
    lambdas = {"params": 1.0, "macs": 0.0, "latency_ms": 0.0}
    optimizer = torch.optim.SGD(supernet.weight_parameters(), lr=0.05)
    alpha_optimizer = torch.optim.Adam(supernet.alpha_parameters(), lr=0.01)
    return SearchTrainer(
        network=supernet,
        optimizer=optimizer,
        lr_scheduler=torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1),
        alpha_optimizer=alpha_optimizer,
        alpha_lr_scheduler=torch.optim.lr_scheduler.StepLR(alpha_optimizer, 1, gamma=0.5),
        loss_function=DiceCELoss(sigmoid=True),
        objective=CostObjective(supernet, made_table(), lambdas=lambdas, budget=budget or {}),
        architecture=ARCHITECTURE,
        train_data_loader=DataLoader(batches, batch_size=2, shuffle=True),  # type: ignore[arg-type]
        alpha_data_loader=DataLoader(batches, batch_size=2, shuffle=True),  # type: ignore[arg-type]
        folder=folder,
        device=torch.device("cpu"),
        max_epochs=epochs,
        **settings,
    )
