"""The errors of what reads, segments and writes, and the one place that makes a sentence of any other error.

The message of each error is one sentence: what is wrong, where, and the remedy.
"""

from __future__ import annotations

import re
from json import JSONDecodeError


class LWMISNError(Exception):
    """The base of all errors of this package; the command line prints the sentence and exits with code 2."""


class DataError(LWMISNError):
    """A data set, file or datalist cannot be used."""


class ConfigError(LWMISNError):
    """A preset, variant, key or value does not exist or does not fit."""


class CheckpointError(LWMISNError):
    """A checkpoint, or another file of a run, cannot be written or read."""


class InputWarning(UserWarning):
    """Something about an input that its owner should know, as one sentence; it is segmented all the same."""


class FigureWarning(UserWarning):
    """Something about a figure or a run that its reader should know, as one sentence."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, ``1 file`` or ``2 files``; ``many`` is the plural where it is not one with s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def own_error(error: BaseException) -> LWMISNError | None:
    """Return the error of this package among an error and those it was raised from; None where there is none."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, LWMISNError):
        cause = cause.__cause__
    return cause


def reason_of(error: BaseException) -> str:
    """Return the last line of the error that others were raised from; its kind, in words, where that says too little.

    MONAI has a traceback in some of its messages, whose last line says what it was.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, JSONDecodeError):
        return f"no JSON in line {error.lineno}, column {error.colno}"
    last = ([""] + str(error).strip().splitlines())[-1].strip()
    if " " in last:
        return last
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    return f"{kind}: {last}" if last else kind


def explain(error: BaseException, subject: object, remedy: str = "") -> str:
    """Return one sentence about any error: this package's own where there is one, otherwise one about the subject.

    Args:
        error: an error of this package or of a library.
        subject: what could not be used, as the beginning of a sentence: a file, or words for it.
        remedy: what to do, as the end of a sentence.
    """
    own = own_error(error)
    if own is not None:
        return str(own)
    return f"{subject} cannot be used ({reason_of(error)}){': ' if remedy else ''}{remedy}."
