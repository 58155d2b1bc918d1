"""What became of each input, and of all of them in words."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import DataError, counted
from .large.work import is_in_work
from .measures import Measures

__all__ = ["Outcome", "say_summary", "way_on"]


@dataclass(frozen=True)
class Outcome:
    """The result for one input.

    Args:
        image: the input: a file, or the folder of a DICOM series.
        masks: the files written; none where it failed.
        error: why it failed, as one sentence.
        warnings: what its owner should know, as sentences.
        quality: an estimate from 0 to 1 of how good the mask is, where it was asked for.
        look_at_this: the estimate is so low that somebody should look at the mask.
        measures: what the mask holds, where a table was asked for.
        table: the file that the measures are written to.
    """

    image: Path
    masks: tuple[Path, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()
    quality: float | None = None
    look_at_this: bool = False
    measures: Measures | None = None
    table: Path | None = None

    def to_text(self) -> str:
        """Return the line about a mask that was made."""
        quality = "" if self.quality is None else f"; quality {self.quality:.2f}"
        look = ", look at this" if self.look_at_this else ""
        return f"{self.image}: {', '.join(map(str, self.masks))}{quality}{look}"


def say_summary(outcomes: Sequence[Outcome], output: str | os.PathLike[str], say: Callable[[str], None]) -> None:
    """Say which masks to look at, and where all are.

    Args:
        outcomes: of all inputs.
        output: the folder of the masks.
        say: is told each line.

    Raises:
        DataError: an input could not be segmented.
    """
    flagged = [outcome.image.name for outcome in outcomes if outcome.look_at_this]
    if flagged:
        say(f"Look at {len(flagged)} of {counted(len(outcomes), 'image')}: {', '.join(flagged)}")
    failed = sum(outcome.error is not None for outcome in outcomes)
    if failed:
        rest = "there is no mask" if failed == len(outcomes) else f"masks are in {output}"
        raise DataError(f"{failed} of {counted(len(outcomes), 'input')} could not be segmented; {rest}.")
    table = f"; measures are in {outcomes[0].table}" if outcomes[0].table else ""
    say(f"{counted(len(outcomes), 'image')} segmented; masks are in {output}{table}")


def way_on(output: Path, segmented: int) -> str:
    """Return what there is after an interruption, and what the same command does, as the end of a sentence.

    Args:
        output: the folder of the masks.
        segmented: how many inputs have theirs.
    """
    there = f"the masks of {counted(segmented, 'input')} are in {output}" if segmented else "there is no mask yet"
    if is_in_work(output):
        return f"{there}, the same command goes on with the large picture that was begun"
    return f"{there}, the same command starts again with the first" if segmented else there
