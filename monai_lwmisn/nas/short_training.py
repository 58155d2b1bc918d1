"""Trains a network for a few epochs, as a run is trained, to judge it on the validation part."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from pathlib import Path
from typing import Any

from monai_lwmisn.config import execute
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.files import read_json
from monai_lwmisn.networks import Genotype

EMA_DECAY = 0.99
"""The average of the weights forgets faster than in a long training."""

WARMUP = 0.1
"""Share of the epochs in which the learning rate rises."""

LEFT = ("history.jsonl",)
"""What is kept of a training that is not needed any more."""


class ShortTraining:
    """Runs the training of a run in a folder of its own, with fewer epochs, and may stop and go on in between.

    Args:
        run: the run folder, whose ``configs/train.json`` is used, with its data.
        epochs: of a whole training; the learning rate falls over them.
    """

    def __init__(self, run: str | os.PathLike[str], epochs: int) -> None:
        self.run, self.epochs = Path(run), epochs
        self.cache = self.run / "search" / "cache"

    def __call__(self, genotype: Genotype, folder: Path, seed: int, until: int) -> float:
        """Train to the end of epoch ``until``; go on where a training in the folder stopped.

        Args:
            genotype: of the network.
            folder: of the training; it is made.
            seed: of weights, order and augmentation.
            until: the last epoch, which is validated.

        Returns:
            The mean Dice on the validation part after that epoch.

        Raises:
            TrainingError: the loss is not finite.
        """
        history = folder / "history.jsonl"
        done = {line["epoch"]: line for line in read_history(history)}
        if "validation_dsc" not in done.get(until, {}):
            genotype.save(folder / "genotype.json")
            config = self.run / "configs" / "train.json"
            stop = {"_target_": "monai_lwmisn.engines.stopping.StopAfter", "epoch": until}
            handlers = [stop, *read_json(config)["train"]["handlers"]]  # it comes first: others act on the last epoch
            changed: dict[str, Any] = {
                "bundle_root": str(self.run),
                "output_dir": str(folder),
                "genotype_file": str(folder / "genotype.json"),
                "weights_file": str(folder / "model.pt"),
                "cache_dir": str(self.cache),
                "resume": (folder / "checkpoint.pt").is_file(),
                "train::handlers": handlers,
                "train::epochs": self.epochs,
                "train::val_interval": self.epochs,
                "train::seed": seed,
                "train::ema_decay": EMA_DECAY,
                "train::warmup_epochs": WARMUP * self.epochs,
                "train::parts": ["training"],
                "data::cache": "disk",
            }
            with contextlib.redirect_stdout(io.StringIO()):  # a line for each epoch
                execute(config, **changed)
            done = {line["epoch"]: line for line in read_history(history)}
        return float(done[until]["validation_dsc"])

    def remove_cache(self) -> None:
        """Remove the decoded images, which all trainings shared."""
        shutil.rmtree(self.cache, ignore_errors=True)

    def clear(self, folder: Path) -> None:
        """Remove what only going on needs: weights and checkpoint."""
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in LEFT:
                path.unlink()
