"""The errors of this package, and the one sentence that is made of any error.

The message of each error is one sentence: what is wrong, where, and what to do.
"""

from __future__ import annotations

from typing import TypeVar

AnyError = TypeVar("AnyError", bound=BaseException)


class LWMISNError(Exception):
    """Base of all errors that this package raises on purpose. The command line prints it and exits with code 2."""


class DataError(LWMISNError):
    """A data set, file or datalist that cannot be used."""


class SplitError(DataError):
    """A data set that cannot be split as asked, for example because it has too few cases."""


class ConfigError(LWMISNError):
    """A preset, variant, key or value that does not exist or does not fit."""


class GenotypeError(LWMISNError):
    """A genotype that does not describe a network."""


class BudgetError(LWMISNError):
    """A limit on parameters, multiply-accumulates or latency that no network in the search space keeps."""


class ResourceError(LWMISNError):
    """A run that needs more memory than the machine has."""


class CheckpointError(LWMISNError):
    """A checkpoint, or another file of a run, that cannot be written or read."""


class ComparisonError(LWMISNError):
    """Networks of a comparison that failed while the others went on. The command line exits with code 1."""


class InputWarning(UserWarning):
    """Something about an input that its owner should know, as one sentence. The input is used all the same."""


def explain(error: BaseException, subject: str, remedy: str = "") -> str:
    """One sentence for any error.

    Args:
        error: an error of this package, or of a library. MONAI wraps either in errors of its own.
        subject: what could not be done, as the beginning of a sentence: ``"a.nii.gz cannot be segmented"``.
        remedy: what to do, as the end of a sentence.

    Returns:
        The message of the error of this package among the causes of ``error``. Otherwise ``subject``, the kind and
        the last line of the first cause, and ``remedy``.
    """
    own = find_cause(error, LWMISNError)
    if own is not None:
        return str(own)
    return f"{subject} ({reason(error)}){f': {remedy}' if remedy else ''}."


def find_cause(error: BaseException, kind: type[AnyError]) -> AnyError | None:
    """The first error of a kind among an error and those that it was raised from; None where there is none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, kind):
            return cause
        cause = cause.__cause__
    return None


def reason(error: BaseException) -> str:
    """The kind and the last line of the error that others were raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    # Some messages of MONAI hold a traceback; its last line says what happened.
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1].strip().rstrip('.')}" if lines else type(error).__name__
