"""The trainer of the search: steps on alpha and on the weights in turn (DARTS, first order)."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from ignite.metrics import Average
from monai.engines import SupervisedTrainer
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader

from monai_lwmisn.engines.checkpoint import RunCheckpoint, Stateful
from monai_lwmisn.engines.history import BatchProgress, EpochHistory
from monai_lwmisn.engines.seeds import EpochSeed
from monai_lwmisn.engines.stopping import FiniteLoss
from monai_lwmisn.errors import ConfigError, FigureWarning
from monai_lwmisn.files import write_json
from monai_lwmisn.nas.alpha_report import (
    JUDGING_BATCHES,
    compare_paths,
    doubt,
    path_losses,
    random_paths,
    report_alpha,
    sentences,
)
from monai_lwmisn.nas.alpha_seeds import AlphaSeeds
from monai_lwmisn.nas.budget import derive_within
from monai_lwmisn.nas.derivation import Edges, derive
from monai_lwmisn.nas.early_stop import EarlyStop
from monai_lwmisn.nas.latency import true_costs
from monai_lwmisn.nas.objective import CostObjective
from monai_lwmisn.networks import Architecture, Genotype
from monai_lwmisn.networks.genotype import candidate_edges

TEMPERATURES = (1.0, 0.2)
"""By which alpha is divided where candidates are drawn, at the beginning and at the end of each seed.

At 1 candidates are drawn by their probability. Towards the end nearly only those run that would be derived, so that the
weights adapt to them.
"""


def find_warmup(epochs: int, warmup_epochs: int | None) -> int:
    """The epochs in which alpha stands still: half of all, unless a number is given."""
    return epochs // 2 if warmup_epochs is None else warmup_epochs


class SearchTrainer(SupervisedTrainer):
    """Trains the weights of a supernet on training images, and its alpha on validation images.

    This is the first-order bilevel scheme of DARTS, as the paper's section 2.3 is read here. An epoch has this order:

    1. Seed everything random, so that an epoch depends on its seed and number only.
    2. In every iteration take a step on alpha, except in the warm-up, and then a step on the weights. In the warm-up
       alpha stands still, so that an operation which learns slowly is not discarded too early.
    3. Step the learning rates; that of alpha only after the warm-up.
    4. Derive the strongest edges from alpha.
    5. After the warm-up, update the Lagrange multipliers of the budget by the costs of these edges (dual ascent), and
       stop early if the edges have not changed for ``stable_epochs``.
    6. Append a line to history.jsonl, and write the checkpoint.

    All this is done ``alpha_seeds`` times, each time with new weights and random numbers. The edges of the genotype are
    derived from the mean over the seeds. The end of a search is a report on alpha, alpha_report.json.

    Args:
        network: the supernet, or its distributed wrapper.
        optimizer: over the weights.
        lr_scheduler: of ``optimizer``, stepped once per epoch.
        alpha_optimizer: over alpha, and beta, alone.
        alpha_lr_scheduler: of ``alpha_optimizer``, stepped once per epoch after the warm-up.
        loss_function: of logits and labels.
        objective: the terms of the loss that depend on alpha alone; it has the supernet, the costs and the budget.
        architecture: the shape of the supernet.
        train_data_loader: batches for the weights.
        alpha_data_loader: batches for alpha. It starts anew with every epoch, and when it is exhausted.
        folder: the folder of checkpoint.pt, history.jsonl and alpha_report.json.
        device: the device on which to train.
        max_epochs: number of epochs of a seed.
        alpha_seeds: number of seeds.
        warmup_epochs: number of first epochs in which alpha stands still.
        stable_epochs: stop when the derived edges have not changed for so many epochs; 0 for never.
        max_parameter_free: see :func:`~monai_lwmisn.nas.derivation.derive`.
        latency_runtime: ``torch`` or ``onnxruntime``, with which a limit on the latency is measured.
        seed: the seed of the search.
        amp: whether to compute in mixed precision.
        epoch_length: iterations of an epoch; None for the length of ``train_data_loader``.
        say: receives the sentences of the report.

    Raises:
        ConfigError: when the warm-up leaves no epoch for alpha.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        lr_scheduler: LRScheduler,
        alpha_optimizer: torch.optim.Optimizer,
        alpha_lr_scheduler: LRScheduler,
        loss_function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        objective: CostObjective,
        architecture: Architecture,
        train_data_loader: DataLoader,
        alpha_data_loader: DataLoader,
        folder: str | os.PathLike[str],
        device: torch.device,
        max_epochs: int,
        alpha_seeds: int = 1,
        warmup_epochs: int = 0,
        stable_epochs: int = 0,
        max_parameter_free: int | None = None,
        latency_runtime: str = "torch",
        seed: int = 0,
        amp: bool = False,
        epoch_length: int | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        if warmup_epochs >= max_epochs:
            raise ConfigError(
                f"search.warmup_epochs is {warmup_epochs} and search.epochs {max_epochs}, "
                "so nothing would be searched: give more epochs, or a shorter warm-up."
            )
        super().__init__(
            device=device,
            max_epochs=alpha_seeds * max_epochs,
            train_data_loader=train_data_loader,
            epoch_length=epoch_length,
            network=network,
            optimizer=optimizer,
            loss_function=loss_function,
            decollate=False,
            optim_set_to_none=True,
            amp=amp,
        )
        self.lr_scheduler = lr_scheduler
        self.alpha_optimizer, self.alpha_lr_scheduler = alpha_optimizer, alpha_lr_scheduler
        self.alpha_data_loader = alpha_data_loader
        self.objective, self.supernet, self.architecture = objective, objective.supernet, architecture
        self.epochs, self.alpha_seeds, self.warmup_epochs = max_epochs, alpha_seeds, warmup_epochs
        self.max_parameter_free, self.latency_runtime = max_parameter_free, latency_runtime
        self.epoch_seed = EpochSeed(seed, [train_data_loader, alpha_data_loader])
        self.early_stop = EarlyStop(stable_epochs)
        self.seeds = AlphaSeeds()
        self.folder, self.say = Path(folder), say
        self.edges: Edges = {}
        self.alpha_loss: float | None = None
        self._alpha_batches: Iterator[dict[str, Any]] = iter(())
        self.of_a_seed: dict[str, Stateful] = {
            "optimizer": optimizer,
            "lr_scheduler": lr_scheduler,
            "alpha_optimizer": alpha_optimizer,
            "alpha_lr_scheduler": alpha_lr_scheduler,
            "objective": objective,
            "early_stop": self.early_stop,
        }
        self._beginning = {name: copy.deepcopy(each.state_dict()) for name, each in self.of_a_seed.items()}
        kept: dict[str, Stateful] = {"network": self.supernet, "seed": self.epoch_seed, "seeds": self.seeds}
        self.checkpoint = RunCheckpoint(folder, {**kept, **self.of_a_seed})
        # Handlers of one event run in this order; the checkpoint comes after all others.
        Average(output_transform=lambda output: float(output["loss"])).attach(self, "loss")
        FiniteLoss().attach(self)
        self.add_event_handler(Events.STARTED, lambda: self._stop_after_the_last_seed())
        self.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        self.add_event_handler(Events.EPOCH_COMPLETED, self._finish_epoch)
        BatchProgress("search").attach(self)
        EpochHistory(folder, self._history_values()).attach(self)
        self.checkpoint.attach(self)

    @property
    def in_warmup(self) -> bool:
        """Whether alpha stands still in this epoch."""
        return self.state.epoch - self.seeds.first <= self.warmup_epochs

    def search(self, genotype_file: str | os.PathLike[str], resume: bool = False) -> None:
        """Search from the beginning or from the checkpoint, report, and write the genotype. The first process writes.

        Raises:
            BudgetError: when no genotype keeps the budget.
            CheckpointError: when a file cannot be read or written.
        """
        self.checkpoint.run(self, resume=resume)
        if idist.get_rank() == 0:
            genotype = self.genotype()
            self._report(genotype)
            genotype.save(genotype_file)

    def genotype(self) -> Genotype:
        """Derive the strongest genotype that keeps the budget, by the measured costs of its network.

        Raises:
            BudgetError: when no genotype keeps the budget.
        """
        budget = self.objective.limits
        edges = derive_within(
            self.seeds.mean_with(self._strengths()),
            self.objective.table,
            budget,
            max_parameter_free=self.max_parameter_free,
            measure=true_costs(self.architecture, budget, self.latency_runtime),
        )
        return Genotype(self.architecture, edges)

    def _iteration(self, engine: SupervisedTrainer, batchdata: dict[str, torch.Tensor]) -> dict:
        """Take a step on alpha and a step on the weights."""
        if not self.in_warmup:
            self._alpha_step()
        return super()._iteration(engine, batchdata)

    def _alpha_step(self) -> None:
        batch = next(self._alpha_batches, None)
        if batch is None:
            self._alpha_batches = iter(self.alpha_data_loader)
            batch = next(self._alpha_batches)
        images, labels = self.prepare_batch(batch, self.state.device, self.non_blocking)
        self.network.train()
        self.alpha_optimizer.zero_grad()
        with torch.autocast(images.device.type, enabled=self.amp):
            loss = self.loss_function(self.inferer(images, self.network), labels)
        loss = loss + self.objective()
        if self.scaler is None:
            loss.backward()
            self.alpha_optimizer.step()
        else:
            self.scaler.scale(loss).backward()
            self.scaler.step(self.alpha_optimizer)
            self.scaler.update()
        self.alpha_loss = float(loss.detach())

    def _report(self, genotype: Genotype) -> None:
        """Write alpha_report.json and say what is in it. The supernet is that of the last seed."""
        table, cap = self.objective.table, self.max_parameter_free
        edges: Edges = dict(genotype.edges)
        report = report_alpha(self.seeds.mean_with(self._strengths()), edges, table, cap)
        self.epoch_seed(self)
        batches = [
            self.prepare_batch(batch, self.state.device, self.non_blocking)
            for batch in islice(self.alpha_data_loader, JUDGING_BATCHES)
        ]
        paths = [edges, *random_paths(table, self.objective.limits, cap, self.epoch_seed.seed)]
        with torch.autocast(self.state.device.type, enabled=self.amp):
            report |= compare_paths(path_losses(self.supernet, paths, batches, self.loss_function))
        write_json(report, self.folder / "alpha_report.json", indent=1)
        for sentence in sentences(report):
            self.say(sentence)
        if (warning := doubt(report)) is not None:
            warnings.warn(warning, FigureWarning, stacklevel=2)

    def _seed_is_over(self, epochs_done: int) -> bool:
        return epochs_done - self.seeds.first >= self.epochs or self.early_stop.reached

    def _stop_after_the_last_seed(self) -> None:
        if self._seed_is_over(self.state.epoch) and len(self.seeds.finished) + 1 >= self.alpha_seeds:
            self.terminate()

    def _start_epoch(self) -> None:
        if self._seed_is_over(self.state.epoch - 1):
            self._start_seed()
        self.supernet.temperature = self._temperature()
        self.epoch_seed(self)
        self.alpha_loss = None
        if not self.in_warmup:
            self._alpha_batches = iter(self.alpha_data_loader)

    def _finish_epoch(self) -> None:
        self.lr_scheduler.step()
        self.edges = derive(self._strengths(), self.objective.table, max_parameter_free=self.max_parameter_free)
        if not self.in_warmup:
            self.alpha_lr_scheduler.step()
            self.objective.update_multipliers(self._costs())
        self.early_stop(self.edges, alpha_moved=not self.in_warmup)
        self._stop_after_the_last_seed()

    def _start_seed(self) -> None:
        """Begin again with other weights."""
        self.seeds.finished.append(self._strengths())
        self.seeds.first = self.state.epoch - 1
        for name, each in self.of_a_seed.items():
            each.load_state_dict(copy.deepcopy(self._beginning[name]))
        torch.manual_seed(self.epoch_seed.seed + len(self.seeds.finished))  # the same on all processes
        for module in self.supernet.modules():
            getattr(module, "reset_parameters", lambda: None)()

    def _temperature(self) -> float:
        first, last = TEMPERATURES
        done = max(0, self.state.epoch - self.seeds.first - self.warmup_epochs - 1)
        return first * (last / first) ** (done / max(1, self.epochs - self.warmup_epochs - 1))

    def _history_values(self) -> dict[str, Callable[[Engine], Any]]:
        return {
            "loss": lambda _: self.state.metrics["loss"],
            "alpha_loss": lambda _: self.alpha_loss,
            "seed": lambda _: len(self.seeds.finished) + 1 if self.alpha_seeds > 1 else None,
            "costs": lambda _: self._costs(),
            "multipliers": lambda _: dict(self.objective.multipliers),
            "alpha": lambda _: self._alpha(),
            "genotype": lambda _: edges_text(self.edges),
        }

    def _strengths(self) -> torch.Tensor:
        return self.supernet.strengths().detach().cpu()

    def _costs(self) -> dict[str, float]:
        return self.objective.table.of(self.edges)

    def _alpha(self) -> dict[str, dict[str, float]]:
        """The softmax of alpha, by ``group/node<-predecessor`` and operation."""
        probabilities = self.supernet.probabilities().detach().cpu()
        return {
            f"{group}/{node}<-{predecessor}": dict(
                zip(self.supernet.operations, probabilities[index, row].tolist(), strict=True)
            )
            for index, group in enumerate(self.supernet.groups)
            for row, (node, predecessor) in enumerate(candidate_edges())
        }


def edges_text(edges: Edges) -> str:
    """Write edges on one line: for every group, each node with its operations and their predecessors."""
    return "; ".join(
        f"{group}: " + ", ".join(f"{edge.node}<-{edge.predecessor} {edge.operation}" for edge in cell)
        for group, cell in edges.items()
    )
