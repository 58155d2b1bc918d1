"""Seeds all random numbers anew in every epoch, so that a resumed run repeats the uninterrupted one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ignite.distributed as idist
import numpy as np
from ignite.engine import Engine, Events
from monai.data.utils import set_rnd
from monai.utils import set_determinism
from torch.utils.data import DataLoader

from monai_lwmisn.errors import ConfigError

__all__ = ["EpochSeed", "epoch_seed"]


def epoch_seed(seed: int, epoch: int, rank: int = 0) -> int:
    """Return a 32-bit seed for one epoch on one process, statistically independent of other epochs and ranks."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1)[0])


class EpochSeed:
    """Seeds Python, NumPy, torch and the random transforms of the data loaders at the start of every epoch.

    ignite makes the iterator of a ``DataLoader`` after the handlers of ``EPOCH_STARTED``, so shuffling and the seeds of
    worker processes depend on this seed too. Attach it before any other handler that draws random numbers.

    MONAI's ``set_determinism`` seeds once. After a resumption the random numbers then differ from those of an
    uninterrupted run.

    Args:
        seed: the seed of the run. A checkpoint holds it, so a resumed run continues with its own seed.
        loaders: the loaders that the engine draws from. A ``DistributedSampler`` gets the epoch.

    Raises:
        ConfigError: a loader has persistent workers, whose random state would outlive the epoch.
    """

    def __init__(self, seed: int, loaders: Sequence[DataLoader]) -> None:
        for loader in loaders:
            if loader.persistent_workers:
                raise ConfigError(
                    "A data loader with persistent_workers cannot be resumed exactly: set persistent_workers to false."
                )
        self.seed = seed
        self.loaders = list(loaders)

    def attach(self, engine: Engine) -> None:
        """Register with ``engine``."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Set the seeds for the epoch that ``engine`` has just begun."""
        seed = epoch_seed(self.seed, engine.state.epoch, idist.get_rank())
        set_determinism(seed=seed)
        for loader in self.loaders:
            seed = set_rnd(loader.dataset, seed)
            set_epoch = getattr(loader.sampler, "set_epoch", None)
            if set_epoch is not None:
                set_epoch(engine.state.epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the seed of the run."""
        return {"seed": self.seed}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Use the seed of the run that is resumed."""
        self.seed = int(state_dict["seed"])
