"""The errors that this package raises on purpose: those of the light part, and those of searching and training.

The message of each error is one sentence: what is wrong, where, and the remedy.
"""

from __future__ import annotations

from monai_lwmisn.light.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    FigureWarning,
    InputWarning,
    LWMISNError,
    counted,
    explain,
    own_error,
    reason_of,
)

__all__ = [
    "BudgetError",
    "CheckpointError",
    "ComparisonError",
    "ConfigError",
    "DataError",
    "FigureWarning",
    "GenotypeError",
    "InputWarning",
    "LWMISNError",
    "ResourceError",
    "SplitError",
    "TrainingError",
    "counted",
    "explain",
    "own_error",
    "reason_of",
]


class SplitError(DataError):
    """A data set cannot be split as asked, for example because it has too few cases."""


class GenotypeError(LWMISNError):
    """A genotype does not describe a network."""


class BudgetError(LWMISNError):
    """No network in the search space keeps a limit on parameters, multiply-accumulates or latency."""


class ResourceError(LWMISNError):
    """A run needs more memory than the machine has."""


class TrainingError(LWMISNError):
    """A training cannot go on, for example because its loss is not finite."""


class ComparisonError(LWMISNError):
    """Some networks of a comparison failed while the others went on; the command line exits with code 1."""
