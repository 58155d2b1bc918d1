"""Finds the files of the channels of an image: nnU-Net's NAME_0000, or NAME_c1, NAME_ch2, or NAME_t1, NAME_flair.

Needs the standard library alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

CHANNEL = re.compile(r"^(?P<case>.+?)[_-](?:channel|chan|ch|c)?[_-]?(?P<number>\d{1,4})(?P<end>\..+)?$", re.IGNORECASE)
"""The name of the file of one channel, with or without its ending."""

SEQUENCE = re.compile(
    r"(?:^|[-_. ])(t1w?|t1-?(?:ce|gd|c|n|km)|t2w?|t2-?(?:f|w)|t2[-_]?flair|flair|pdw?|adc|dwi|swi|dce|ct|pet)$",
    re.IGNORECASE,
)
"""The end of a name without its ending, which says how one of several images of a patient was made.

Such channels are in the order of these words in lower case.
"""

_ENDING = re.compile(r"(\.nii\.gz|\.[^.]+)$", re.IGNORECASE)

__all__ = ["CHANNEL", "SEQUENCE", "first_channels", "with_other_channels"]


def with_other_channels(path: str | os.PathLike[str], count: int) -> list[str]:
    """Return the files of all channels of an image, in the order of their numbers.

    Args:
        path: the file of its first channel.
        count: how many channels there are.

    Returns:
        The path alone where its name has no number, or there are not exactly so many such files beside it, or it is not
        the first of them.
    """
    first = Path(path)
    found = CHANNEL.match(first.name)
    if count < 2 or not first.is_file():
        return [str(path)]
    if found is None:
        return _other_sequences(first, count)
    files = {}
    for file in first.parent.iterdir():
        other = CHANNEL.match(file.name)
        if other and (other["case"], other["end"]) == (found["case"], found["end"]) and file.is_file():
            files[int(other["number"])] = str(file)
    ordered = [files[number] for number in sorted(files)]
    return ordered if len(ordered) == count and ordered[0] == str(first) else [str(path)]


def _other_sequences(first: Path, count: int) -> list[str]:
    def parts(name: str) -> tuple[str, str, str] | None:
        """The case, the sequence and the ending of a name."""
        ending = _ENDING.search(name)
        stem = name[: ending.start()] if ending else name
        found = SEQUENCE.search(stem)
        return (stem[: found.start()], found[1].lower(), name[len(stem) :]) if found else None

    own = parts(first.name)
    files = {}
    for file in first.parent.iterdir() if own else ():
        other = parts(file.name)
        if own and other and (own[0], own[2]) == (other[0], other[2]) and file.is_file():
            files[other[1]] = str(file)
    ordered = [files[sequence] for sequence in sorted(files)]
    return ordered if len(ordered) == count and ordered[0] == str(first) else [str(first)]


def first_channels(files: Iterable[Path], count: int, is_single: Callable[[str], bool]) -> list[Path]:
    """Return the files without those that are further channels of another among them.

    Args:
        files: some files of one folder.
        count: how many channels an image has.
        is_single: tells whether a file has one channel alone.
    """
    ordered = list(files)
    further: set[str] = set()
    for file in ordered if count > 1 else ():
        others = with_other_channels(file, count)[1:]
        if others and is_single(str(file)):
            further.update(others)
    return [file for file in ordered if str(file) not in further]
