"""A small supernet with all that steps it, on made batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from monai.engines import SupervisedTrainer
from monai.losses import DiceCELoss
from torch.utils.data import DataLoader

from monai_lwmisn.engines.seeds import EpochSeed
from monai_lwmisn.nas import ArchitectureStep, CostObjective, GenotypeWatch
from monai_lwmisn.networks import Architecture, Supernet
from tests.nas.tables import made_table

ARCHITECTURE = Architecture(
    cells={"encoder": 1, "middle": 0, "decoder": 1}, node_width=(4, 4), stem_stride=1, in_channels=1, out_channels=1
)


@dataclass
class Search:
    """What a search consists of, built without a configuration."""

    supernet: Supernet
    objective: CostObjective
    step: ArchitectureStep
    watch: GenotypeWatch
    trainer: SupervisedTrainer


def make_search(
    epochs: int = 1,
    warmup_epochs: int = 0,
    stable_epochs: int = 0,
    budget: dict[str, float | None] | None = None,
    epoch_length: int | None = None,
) -> Search:
    torch.manual_seed(0)
    batches = [{"image": (x := torch.rand(1, 16, 16)), "label": (x > 0.5).float()} for _ in range(4)]
    supernet = Supernet(ARCHITECTURE)
    table, lambdas = made_table(), {"params": 1.0, "macs": 0.0, "latency_ms": 0.0}
    objective = CostObjective(supernet, table, lambdas=lambdas, budget=budget or {})
    loss = DiceCELoss(sigmoid=True)
    loaders = [DataLoader(batches, batch_size=2, shuffle=True) for _ in range(2)]  # type: ignore[arg-type]
    alpha_optimizer = torch.optim.Adam([supernet.alpha], lr=0.01)
    schedule = torch.optim.lr_scheduler.StepLR(alpha_optimizer, 1, gamma=0.5)
    step = ArchitectureStep(loaders[1], alpha_optimizer, schedule, loss, objective, warmup_epochs)
    watch = GenotypeWatch(
        objective, ARCHITECTURE, budget or {}, stable_epochs=stable_epochs, warmup_epochs=warmup_epochs
    )
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=loaders[0],
        epoch_length=epoch_length,
        network=supernet,
        optimizer=torch.optim.SGD(supernet.weight_parameters(), lr=0.05),
        loss_function=loss,
        train_handlers=[EpochSeed(0, loaders), step, watch],
    )
    return Search(supernet, objective, step, watch, trainer)
