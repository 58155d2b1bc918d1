"""The values of an image as the network takes them: steps that scale, standardise or invert. Needs numpy alone.

Each step has statistics, a few numbers of the whole image, and a formula for a value and these numbers. The formulas
are in the graph of ``model_full.onnx`` too; of a volume, whose slices come by and by, the numbers are computed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from .errors import ConfigError

LARGEST_COUNTED = 2**17
"""Range of whole numbers whose percentiles are found by counting, which needs no copy of the image."""

__all__ = ["Invert", "Range", "Standard", "Step", "from_facts", "normalise", "statistics_of", "to_facts"]


@dataclass(frozen=True)
class Range:
    """Brings values from one range to another: MONAI's ScaleIntensityRange, ...RangePercentiles and ScaleIntensity.

    Args:
        low: the value that becomes ``b_min``; None for a percentile.
        high: the value that becomes ``b_max``; None for a percentile.
        lower: the percentile in the place of ``low``.
        upper: the percentile in the place of ``high``.
        b_min: the least value of the result; None, as ``b_max``, for 0 and 1.
        b_max: the largest.
        clip: cut what is beyond.
        channel_wise: percentiles of each channel.
        flat_factor: of an image with one value everywhere, what it is multiplied with; None: its value becomes b_min.
    """

    step: ClassVar[str] = "range"
    low: float | None = None
    high: float | None = None
    lower: float = 0.0
    upper: float = 100.0
    b_min: float | None = 0.0
    b_max: float | None = 1.0
    clip: bool = False
    channel_wise: bool = False
    flat_factor: float | None = None

    @property
    def numbers(self) -> int:
        """How many statistics there are, of each channel or of all."""
        return 0 if self.low is not None else 2

    def statistics(self, values: np.ndarray, counts: np.ndarray | None = None) -> list[float]:
        """The ends of the range in some values; ``counts`` says how often each occurs, once by default."""
        return _percentiles(values, (self.lower, self.upper), counts)

    def __call__(self, values: np.ndarray, numbers: Sequence[float]) -> np.ndarray:
        """Bring values (any shape), float32, to the other range."""
        low, high = map(np.float32, numbers if self.numbers else (self.low, self.high))
        if low == high:
            return values * np.float32(self.flat_factor) if self.flat_factor is not None else self._flat(values - low)
        values = (values - low) / (high - low)
        if self.b_min is not None and self.b_max is not None:
            values = values * np.float32(self.b_max - self.b_min) + np.float32(self.b_min)
        return np.clip(values, self.b_min, self.b_max) if self.clip else values

    def _flat(self, values: np.ndarray) -> np.ndarray:
        return values if self.b_min is None else values + np.float32(self.b_min)


@dataclass(frozen=True)
class Standard:
    """Subtracts the mean and divides by the standard deviation: MONAI's NormalizeIntensity.

    Args:
        mean: of each channel, or one of all; None: of the image.
        deviation: likewise. 0 counts as 1.
        nonzero: zeros count for nothing, and stay.
        channel_wise: of each channel.
    """

    step: ClassVar[str] = "standard"
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    nonzero: bool = False
    channel_wise: bool = False

    @property
    def numbers(self) -> int:
        """See :attr:`Range.numbers`."""
        return 0 if self.mean is not None and self.deviation is not None else 2

    def statistics(self, values: np.ndarray, counts: np.ndarray | None = None) -> list[float]:
        """The mean and the deviation of some values, of which one may be given; for ``counts`` see :class:`Range`."""
        used = values != 0 if self.nonzero else np.ones(values.shape, dtype=bool)
        if not used.any():
            return [0.0, 1.0]
        if counts is None:
            chosen = values[used] if self.nonzero else values
            mean, deviation = chosen.mean(dtype=np.float64), chosen.std(dtype=np.float64)
        else:
            mean = np.average(values[used].astype(np.float64), weights=counts[used])
            deviation = np.sqrt(np.average((values[used] - mean) ** 2, weights=counts[used]))
        return [float(mean), float(deviation)]

    def __call__(self, values: np.ndarray, numbers: Sequence[float]) -> np.ndarray:
        """Standardise values (any shape), float32."""
        mean, deviation = (np.float32(number) for number in numbers)
        scaled = (values - mean) / (deviation or np.float32(1))
        return np.where(values != 0, scaled, values) if self.nonzero else scaled


@dataclass(frozen=True)
class Invert:
    """Inverts images with a bright background, see :class:`monai_lwmisn.inference.transforms.BrightForegroundd`.

    Args:
        maximum: the largest possible value; an image is inverted when its median is above half of it.
    """

    step: ClassVar[str] = "invert"
    numbers: ClassVar[int] = 1
    channel_wise: ClassVar[bool] = False
    maximum: float = 1.0

    def statistics(self, values: np.ndarray, counts: np.ndarray | None = None) -> list[float]:
        """1 where the image is inverted, otherwise 0; for ``counts`` see :class:`Range`.

        The median is the lower of two middle values, as torch has it.
        """
        bright = values > np.float32(self.maximum / 2)
        above = np.count_nonzero(bright) if counts is None else int(counts[bright].sum())
        size = values.size if counts is None else int(counts.sum())
        return [float(above >= size - (size - 1) // 2)]

    def __call__(self, values: np.ndarray, numbers: Sequence[float]) -> np.ndarray:
        """Invert values (any shape), float32, where it is so."""
        return np.float32(self.maximum) - values if numbers[0] else values


Step = Range | Standard | Invert

_KINDS: dict[str, type[Step]] = {kind.step: kind for kind in (Range, Standard, Invert)}


def to_facts(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The steps as they are written to a file."""
    return [{"step": step.step, **asdict(step)} for step in steps]


def from_facts(facts: Iterable[Mapping[str, Any]]) -> list[Step]:
    """The steps of a file.

    Raises:
        ConfigError: a step is of another release.
    """
    steps: list[Step] = []
    for fact in facts:
        fields: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in fact.items()}
        try:
            steps.append(_KINDS[fields.pop("step", "")](**fields))
        except (KeyError, TypeError) as error:
            raise ConfigError(f"The step {fact} is not known here: install a newer lwmisn-run.") from error
    return steps


def statistics_of(values: np.ndarray, steps: Sequence[Step], counts: np.ndarray | None = None) -> np.ndarray:
    """The statistics of an image for all steps, one after the other.

    Args:
        values: (channel, ...), as the first step takes them.
        steps: of which each takes what the step before it gives.
        counts: how often each of the values occurs in the image, of their shape; None for once.

    Returns:
        (number,) float32: of each step those of all channels together, or of one channel after the other.
    """
    found: list[float] = []
    last = max((place for place, step in enumerate(steps) if step.numbers), default=-1)
    for place, step in enumerate(steps[: last + 1]):
        parts = list(values) if step.channel_wise else [values]
        weights = [None] * len(parts) if counts is None else list(counts) if step.channel_wise else [counts]
        numbers = [
            step.statistics(part, weight) if step.numbers else () for part, weight in zip(parts, weights, strict=True)
        ]
        found += [number for one in numbers for number in one]
        if place < last:
            scaled = [
                _scaled(step, part, number, index)
                for index, (part, number) in enumerate(zip(parts, numbers, strict=True))
            ]
            values = np.stack(scaled) if step.channel_wise else scaled[0]
    return np.array(found, dtype=np.float32)


def normalise(values: np.ndarray, steps: Iterable[Step], numbers: np.ndarray) -> np.ndarray:
    """Take all steps, one after the other.

    Args:
        values: (channel, ...) of an image, or of a part of it.
        steps: which are taken.
        numbers: the statistics of the image, see :func:`statistics_of`.

    Returns:
        float32 of the same shape.
    """
    first = 0
    for step in steps:
        parts = list(values) if step.channel_wise else [values]
        scaled = []
        for channel, part in enumerate(parts):
            scaled.append(_scaled(step, part, numbers[first : first + step.numbers].tolist(), channel))
            first += step.numbers
        values = np.stack(scaled) if step.channel_wise else scaled[0]
    return values.astype(np.float32)


def _scaled(step: Step, part: np.ndarray, numbers: Sequence[float], channel: int) -> np.ndarray:
    if isinstance(step, Standard):
        computed = numbers or (0.0, 1.0)
        given = [own[channel if len(own) > 1 else 0] if own else None for own in (step.mean, step.deviation)]
        numbers = [computed[place] if own is None else own for place, own in enumerate(given)]
    return step(part.astype(np.float32), numbers)


def _percentiles(values: np.ndarray, percents: Sequence[float], counts: np.ndarray | None = None) -> list[float]:
    """Percentiles by linear interpolation, as numpy has them; of whole numbers, and of counted values, by counting."""
    if counts is not None:
        order = np.argsort(values, axis=None)
        return _of_counts(values.reshape(-1)[order].astype(np.float64), counts.reshape(-1)[order], percents)
    if values.dtype.kind in "iu":
        low, high = int(values.min()), int(values.max())
        if high - low < LARGEST_COUNTED:
            counts = np.zeros(high - low + 1, dtype=np.int64)
            for part in values.reshape(len(values), -1) if values.ndim > 1 else [values]:
                counts += np.bincount(part.astype(np.int64) - low, minlength=len(counts))
            return _of_counts(np.arange(low, high + 1), counts, percents)
    return np.percentile(values, percents).tolist()


def _of_counts(values: np.ndarray, counts: np.ndarray, percents: Sequence[float]) -> list[float]:
    """Percentiles of values in rising order, of which each occurs so often."""
    ends = np.cumsum(counts)
    places = np.asarray(percents) / 100 * (ends[-1] - 1)
    before, after = (
        values[np.searchsorted(ends, one.astype(np.int64), side="right")] for one in (np.floor(places), np.ceil(places))
    )
    return (before + (after - before) * (places - np.floor(places))).tolist()
