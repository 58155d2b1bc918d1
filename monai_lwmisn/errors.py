"""Errors a caller of this package may want to catch; each message is one sentence: what is wrong, where, what to do."""

from __future__ import annotations


class LWMISNError(Exception):
    """Base of all errors this package raises on purpose; the command line prints the sentence and exits with code 2."""


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
    """Networks of a comparison that failed while the others went on; the command line exits with code 1."""


class InputWarning(UserWarning):
    """Something about an input that its owner should know, as one sentence; it is segmented all the same."""
