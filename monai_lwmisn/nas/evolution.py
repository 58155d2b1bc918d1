"""Searches whole networks by short trainings, inside a budget: the strategy ``evolve``.

Optuna proposes networks and stops the worse ones. A network is built, counted and timed before it is trained, and one
that is over a limit never is. The others are trained for the epochs of the first rung, and the better of them go on to
the next (asynchronous successive halving, Li et al., MLSys 2020). All are judged by their Dice on the validation part.
The best few are trained with further seeds, which are the same for all.
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DBAPIError
from torch import nn

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import BudgetError, ConfigError, FigureWarning, TrainingError, reason_of
from monai_lwmisn.files import write_atomically
from monai_lwmisn.nas.budget import UNMEASURABLE
from monai_lwmisn.nas.drawing import counted_costs, excess, keeps, learns_enough, suggest_genotype, widened
from monai_lwmisn.nas.evolution_report import write_report
from monai_lwmisn.nas.latency import COUNTED, MS_PER_GMAC
from monai_lwmisn.nas.mutation import MutationSampler
from monai_lwmisn.nas.network_clock import NetworkClock
from monai_lwmisn.nas.short_training import ShortTraining
from monai_lwmisn.networks import Genotype
from monai_lwmisn.profiling import THREADS, example_image, multiply_accumulates
from monai_lwmisn.settings import check_value

SAMPLERS = ("mutation", "tpe", "nsga2", "random")
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

START = 0.3
"""Share of the networks that are drawn at random before the sampler learns from them."""

REDUCTION = 3
"""Of so many networks at a rung, one goes on to the next, which is so many times as long."""

FRUITLESS = 500
"""Networks in a row that are over the budget or known, after which a search is given up."""


class Score(NamedTuple):
    """A network and its Dice: the mean of its trainings, each with a seed."""

    dice: float
    trial: FrozenTrial


class Evolution:
    """A search by short trainings. Its state is an Optuna study, so that it goes on after any interruption.

    Args:
        folder: holds the study, ``study.log``, and the trials.
        train: trains a network.
        space: the arguments of :func:`~monai_lwmisn.nas.drawing.suggest_genotype` by name.
        budget: limits by name of the cost: ``params``, ``macs``, ``latency_ms``; None for no limit.
        reference: makes a network whose time is the limit where ``budget`` has none; None for no limit.
        reference_share: the part of that time which is the limit.
        runtime: measures milliseconds: ``torch``, ``onnxruntime`` or ``openvino``.
        threads: CPU threads with which it does; with one, it takes processor time, which others hardly disturb.
        trials: networks to train, by all programs that work on the study.
        first_rung: epochs after which networks are compared first.
        finalists: networks that are trained with all seeds.
        seeds: seeds of each finalist; the first is that of all trials.
        sampler: ``mutation``, ``tpe``, ``nsga2`` or ``random``.
        widen: make each network as wide as the limits let it be.
        max_parameter_free: see :func:`~monai_lwmisn.nas.derivation.derive`.
        storage: URL of a database that several programs share; None for ``study.log``.
        seed: of the proposals and of the trainings.
        say: receives a line about each network that was trained, and at the end what the search showed.

    Raises:
        ConfigError: there is no such sampler, the storage cannot be opened, or several processes were started as one.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        train: ShortTraining,
        space: Mapping[str, Any],
        *,
        budget: Mapping[str, float | None],
        reference: Callable[[], nn.Module] | None = None,
        reference_share: float = 1.0,
        runtime: str = "torch",
        threads: int = THREADS,
        trials: int = 30,
        first_rung: int = 3,
        finalists: int = 3,
        seeds: int = 2,
        sampler: str = "random",
        widen: bool = False,
        max_parameter_free: int | None = None,
        storage: str | None = None,
        seed: int = 0,
        say: Callable[[str], None] = print,
    ) -> None:
        if sampler not in SAMPLERS:
            raise ConfigError(f"search.sampler is {sampler!r}: use one of {', '.join(SAMPLERS)}.")
        if int(os.environ.get("WORLD_SIZE", 1)) > 1:
            raise ConfigError(
                "A search by evolve is one process: start several without torchrun, each with its own --out, and give "
                "all the same search.storage."
            )
        self.folder, self.train, self.space = Path(folder), train, dict(space)
        self.budget, self.reference, self.reference_share = dict(budget), reference, reference_share
        self.clock = NetworkClock(self.space["in_channels"], runtime, threads, reference)
        self.trials, self.finalists, self.seeds = trials, finalists, seeds
        self.rungs = rungs(first_rung, train.epochs)
        self.sampler, self.widen, self.max_parameter_free = sampler, widen, max_parameter_free
        self.seed, self.say = seed, say
        self.owner = f"{platform.node()}:{self.folder.absolute()}"
        self.study = open_study(self.folder, storage, first_rung)

    def search(self, genotype_file: str | os.PathLike[str]) -> None:
        """Search, or go on with the study, and write the genotype of the best network.

        Raises:
            BudgetError: no network keeps the budget, or times cannot be measured.
        """
        limits = self._limits()
        fruitless = 0
        while (done := len(self.trained())) < self.trials:
            start = time.monotonic()
            fruitless = 0 if self._try(self._unfinished() or self._ask(), limits, done) else fruitless + 1
            self._add_seconds(time.monotonic() - start)
            if fruitless == FRUITLESS:
                raise BudgetError(f"None of {FRUITLESS} networks in a row keeps the budget and is new: widen it.")
        start = time.monotonic()
        best = max(self._finals(), key=lambda score: score.dice)
        self._add_seconds(time.monotonic() - start)
        self.train.remove_cache()
        for sentence in write_report(self.trained(), self.folder):
            self.say(sentence)
        Genotype.from_dict(best.trial.user_attrs["genotype"]).save(genotype_file)

    def trained(self) -> list[FrozenTrial]:
        """The trials that were trained to the first rung or further, oldest first."""
        return [trial for trial in self.study.get_trials(deepcopy=False, states=FINISHED) if trial.intermediate_values]

    def _limits(self) -> dict[str, float | None]:
        """The budget, with the time of the reference where it has none; that is measured once for the study."""
        if "limits" in self.study.user_attrs:
            return self.study.user_attrs["limits"]
        limits, by = dict(self.budget), "clock"
        if limits.get("latency_ms") is None and self.reference is not None:
            milliseconds = self.clock.of_reference()
            self.study.set_user_attr("reference_ms", milliseconds)
            if milliseconds is None:
                warnings.warn(COUNTED, FigureWarning, stacklevel=3)
                macs = multiply_accumulates(self.reference(), example_image(self.space["in_channels"]))
                by, milliseconds = "counts", MS_PER_GMAC * macs / 1e9
            limits["latency_ms"] = self.reference_share * milliseconds
        self.study.set_user_attr("by", by)
        self.study.set_user_attr("limits", limits)
        return limits

    def _add_seconds(self, seconds: float) -> None:
        """Record the time of the search as a training records that of its epochs; that of a killed trial is lost."""
        lines = [*read_history(self.folder / "history.jsonl"), {"seconds": round(seconds, 3)}]
        write_atomically("".join(json.dumps(line) + "\n" for line in lines).encode(), self.folder / "history.jsonl")

    def _unfinished(self) -> optuna.Trial | None:
        """The trial in which this program was killed."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get("owner") == self.owner:
                return optuna.Trial(self.study, trial._trial_id)
        return None

    def _ask(self) -> optuna.Trial:
        # The sampler starts from a seed of its own for each trial. So it proposes the same after an interruption.
        seed = self.seed * 100_003 + len(self.study.get_trials(deepcopy=False, states=FINISHED))
        self.study.sampler = make_sampler(
            self.sampler if len(self.trained()) >= START * self.trials else "random", seed
        )
        trial = self.study.ask()
        trial.set_user_attr("genotype", suggest_genotype(trial, **self.space).to_dict())
        trial.set_user_attr("owner", self.owner)
        return trial

    def _try(self, trial: optuna.Trial, limits: Mapping[str, float | None], done: int) -> bool:
        """Measure a network and, if it keeps the limits, train it; return whether it does."""
        genotype = Genotype.from_dict(trial.user_attrs["genotype"])
        if "costs" not in trial.user_attrs:
            costs = self._costs(genotype, limits)
            if self.widen and keeps(costs, limits):
                genotype, costs = self._widest(genotype, costs, limits)
                trial.set_user_attr("genotype", genotype.to_dict())
            trial.set_constraint("budget", excess(costs, limits))
            trial.set_user_attr("costs", costs)
        enough = learns_enough(genotype.edges, self.max_parameter_free)
        new = all(trial.user_attrs["genotype"] != other.user_attrs["genotype"] for other in self.trained())
        if not (new and enough and keeps(trial.user_attrs["costs"], limits)):
            self.study.tell(trial, state=TrialState.PRUNED)
            return False
        known = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
        for rung in self.rungs:
            if rung not in known:
                trial.report(self._dice(genotype, trial.number, self.seed, rung), rung)
            stopped = rung != self.rungs[-1] and trial.should_prune()
            if stopped:
                break
        frozen = self.study.get_trials(deepcopy=False)[trial.number]
        last = max(frozen.intermediate_values)
        self.say(describe(frozen, done + 1, self.trials))
        if stopped:
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, frozen.intermediate_values[last])
        self.train.clear(self._folder_of(trial.number, self.seed))
        return True

    def _widest(
        self, genotype: Genotype, costs: dict[str, float], limits: Mapping[str, float | None]
    ) -> tuple[Genotype, dict[str, float]]:
        """The widest network of a shape that keeps the limits, and its costs; the network itself without a limit."""
        while any(limits.values()) and (wider := widened(genotype)) is not None:
            more = self._costs(wider, limits)
            if not keeps(more, limits):
                break
            genotype, costs = wider, more
        return genotype, costs

    def _costs(self, genotype: Genotype, limits: Mapping[str, float | None]) -> dict[str, float]:
        """The costs of a network; the time only where the others are within their limits."""
        costs = counted_costs(genotype, limits)
        limit = limits.get("latency_ms")
        if limit is None or not keeps(costs, limits):
            return costs
        if self.study.user_attrs["by"] == "counts":
            return costs | {"latency_ms": MS_PER_GMAC * costs["macs"] / 1e9}
        reference_ms = self.study.user_attrs.get("reference_ms")
        milliseconds = self.clock(genotype, limit, reference_ms)
        if milliseconds is None:
            raise BudgetError(UNMEASURABLE)
        return costs | {"latency_ms": milliseconds}

    def _dice(self, genotype: Genotype, number: int, seed: int, until: int) -> float:
        try:
            return self.train(genotype, self._folder_of(number, seed), seed, until)
        except TrainingError as error:
            warnings.warn(f"Trial {number} counts as a Dice of 0: {reason_of(error)}", FigureWarning, stacklevel=3)
            return 0.0

    def _folder_of(self, number: int, seed: int) -> Path:
        return self.folder / "trials" / f"{number:04d}" / f"seed_{seed}"

    def _finals(self) -> Iterable[Score]:
        """Train the best networks with the other seeds."""
        complete = [trial for trial in self.trained() if trial.state == TrialState.COMPLETE]
        for trial in sorted(complete, key=lambda each: -float(each.value or 0.0))[: self.finalists]:
            dice = [float(trial.value or 0.0)]
            for seed in range(self.seed + 1, self.seed + self.seeds):
                name = f"dice_of_{trial.number}_with_seed_{seed}"
                if name not in self.study.user_attrs:
                    genotype = Genotype.from_dict(trial.user_attrs["genotype"])
                    self.study.set_user_attr(name, self._dice(genotype, trial.number, seed, self.rungs[-1]))
                    self.train.clear(self._folder_of(trial.number, seed))
                dice.append(self.study.user_attrs[name])
            yield Score(sum(dice) / len(dice), trial)


def rungs(first: int, epochs: int) -> tuple[int, ...]:
    """The epochs after which networks are compared: the first rung, times ``REDUCTION`` each, and the last epoch."""
    found = []
    while first < epochs:
        found.append(first)
        first *= REDUCTION
    return (*found, epochs)


def open_study(folder: Path, storage: str | None, first_rung: int) -> optuna.Study:
    """Open the study of a search, or make it.

    Args:
        folder: of ``study.log``, or of an empty ``study.shared`` beside a database.
        storage: URL of a database; None for ``study.log``.
        first_rung: epochs after which the pruner compares networks first.

    Raises:
        ConfigError: the database cannot be opened, or its URL has a password.
    """
    check_value("search.storage", storage)
    folder.mkdir(parents=True, exist_ok=True)
    if storage is not None:
        (folder / "study.shared").touch()  # it says that the search can be resumed
    try:
        try:
            return _create_study(folder, storage, first_rung)
        except DBAPIError:
            time.sleep(1)  # programs that start together make the tables of a new database at once, and one succeeds
            return _create_study(folder, storage, first_rung)
    except Exception as error:  # each database driver raises its own kind
        where = folder / "study.log" if storage is None else storage.rpartition("@")[2]
        remedy = "check search.storage"
        if isinstance(error, ImportError):
            remedy = "install the driver of the database, for PostgreSQL with pip install 'monai-lwmisn[postgresql]'"
        raise ConfigError(f"The study in {where} cannot be opened ({reason_of(error)}): {remedy}.") from error


def _create_study(folder: Path, storage: str | None, first_rung: int) -> optuna.Study:
    if storage is None:
        kept: Any = JournalStorage(JournalFileBackend(str(folder / "study.log")))
    else:  # SQLAlchemy takes another driver from release to release
        kept = re.sub("^postgresql://", "postgresql+psycopg://", storage)
    return optuna.create_study(
        study_name="lwmisn",
        storage=kept,
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=first_rung, reduction_factor=REDUCTION),
        direction="maximize",
        load_if_exists=True,
    )


def make_sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """Return the sampler of a name in ``SAMPLERS``. It counts networks over a limit as infeasible."""
    if name == "random":
        return optuna.samplers.RandomSampler(seed)
    if name == "mutation":
        return MutationSampler(seed)
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed)
    return optuna.samplers.TPESampler(n_startup_trials=1, multivariate=True, group=True, seed=seed)


def describe(trial: FrozenTrial, count: int, trials: int) -> str:
    """One line about a trained trial."""
    costs = trial.user_attrs["costs"]
    parts = [f"network {count} of {trials}", f"{costs['params'] / 1e6:.3f} M", f"{costs['macs'] / 1e9:.3f} GMac"]
    if "latency_ms" in costs:
        parts.append(f"{costs['latency_ms']:.1f} ms")
    dice = trial.intermediate_values
    parts += [f"Dice {value:.4f} after {epoch} epochs" for epoch, value in sorted(dice.items())]
    return "  ".join(parts)
