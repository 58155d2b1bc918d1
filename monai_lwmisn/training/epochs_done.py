"""Tells how many epochs a network has learned, and whether its training was finished."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.files import read_json

__all__ = ["EpochsDone", "read_epochs_done"]


@dataclass(frozen=True)
class EpochsDone:
    """How far a training has come.

    Attributes:
        done: epochs that were completed.
        last: the last epoch of the training: all that were asked for, or fewer where a limit of time ended it.
        asked: epochs that were asked for.
        kept: the epoch whose weights are kept; None where none was validated yet.
    """

    done: int
    last: int
    asked: int
    kept: int | None

    @property
    def is_finished(self) -> bool:
        """Whether the training was not interrupted."""
        return self.done >= self.last

    def to_dict(self) -> dict[str, int | None]:
        """Return the JSON form."""
        return asdict(self)

    def sentence(self) -> str:
        """Return how the training ended, as a sentence."""
        weights = "" if self.kept is None else f", and the weights are those of epoch {self.kept}"
        if not self.is_finished:
            return f"The training is not finished: it was interrupted after {self.done} of {self.last} epochs{weights}."
        if self.done < self.asked:
            limit = f"The training was ended by its limit of time after {self.done} of {self.asked} epochs"
            return f"{limit}{weights}."
        return f"The training had {self.done} epoch{'' if self.done == 1 else 's'}{weights}."


def read_epochs_done(run: str | os.PathLike[str]) -> EpochsDone | None:
    """Read how far the training of a run has come; None for a bundle, and for a network that was not trained."""
    history, file = read_history(Path(run, "train", "history.jsonl")), Path(run, "configs", "train.json")
    if not history or not file.is_file():
        return None
    settings = read_json(file)["train"]
    validated = [line for line in history if "validation_dsc" in line]
    kept = None
    if validated:
        newest = "validation" in settings["parts"]
        kept = (validated[-1] if newest else max(validated, key=lambda line: line["validation_dsc"]))["epoch"]
    # A history of a former release does not have the last epoch.
    last = history[-1].get("of", settings["epochs"])
    has_limit = last < settings["epochs"] and "TimeBudget" in str(settings["handlers"])
    return EpochsDone(history[-1]["epoch"], last, settings["epochs"] if has_limit else last, kept)
