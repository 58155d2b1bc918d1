"""The steps that follow on a label map, as MONAI's transforms of the same purpose take them. Needs numpy alone.

Each is written to ``model_full.onnx`` as facts: ``step``, and the options of the function of that name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from .errors import ConfigError
from .regions import JoinedRegions, Place

WHOLE = ("of_classes", "smooth")
"""The steps that need the whole map in memory."""

__all__ = [
    "WHOLE",
    "Labels",
    "fill_holes",
    "keep_largest",
    "postprocess",
    "postprocess_in_place",
    "remove_small",
    "smooth",
]


class Labels(Protocol):
    """A label map that is read and written by blocks: an array of numpy, or of zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of its axes."""

    def __getitem__(self, place: Any, /) -> Any:
        """Return a block."""

    def __setitem__(self, place: Any, values: Any, /) -> None:
        """Change a block."""


def postprocess(labels: np.ndarray, steps: Iterable[Mapping[str, Any]]) -> np.ndarray:
    """Take all steps, one after the other.

    Args:
        labels: a label map (x, y[, z]); it is not changed.
        steps: facts of each.

    Raises:
        ConfigError: a step is of another release.
    """
    found = labels.copy()
    for fact in steps:
        postprocess_in_place(found, fact)
    return found


def postprocess_in_place(labels: Labels, fact: Mapping[str, Any], places: Sequence[Place] | None = None) -> None:
    """Take one step.

    Args:
        labels: a label map, which is changed.
        fact: the facts of the step.
        places: of the blocks of the map, see :class:`.JoinedRegions`; None for one block. Each block alone is in
            memory, but for the steps in :data:`WHOLE`, which copy the map.

    Raises:
        ConfigError: the step is of another release.
    """
    options = dict(fact)
    step = _STEPS.get(options.pop("step", ""))
    if step is None:
        raise ConfigError(f"The step {dict(fact)} is not known here: install a newer lwmisn-run.")
    step(labels, _whole(labels) if places is None else places, **options)


def fill_holes(
    labels: Labels, places: Sequence[Place], classes: Sequence[int] | None = None, connectivity: int | None = None
) -> None:
    """Give holes the class around them. What touches the border of the image is no hole.

    Args:
        labels: a label map, which is changed.
        places: see :func:`postprocess_in_place`.
        classes: those whose holes are filled; None for all.
        connectivity: of what is not of the class, see :class:`.Regions`.
    """
    for value in _present(labels, places) if classes is None else classes:
        if value != 0:
            outside = JoinedRegions(partial(_differs, labels, value), labels.shape, places, connectivity)
            holes = ~outside.at_border()
            for place in places if holes.any() else ():
                _put(labels, place, outside.mask_of(place, holes), value)


def remove_small(
    labels: Labels, places: Sequence[Place], most: int, connectivity: int = 1, each_value: bool = True
) -> None:
    """Remove small regions.

    Args:
        labels: a label map, which is changed.
        places: see :func:`postprocess_in_place`.
        most: the pixels of the largest region that is removed.
        connectivity: see :class:`.Regions`.
        each_value: of several classes, count the pixels of each as one region; otherwise regions may have several.
    """
    counts = _counts(labels, places)
    if each_value and len(np.trim_zeros(counts, "b")) > 2:
        small = np.flatnonzero((counts > 0) & (counts <= most))
        for place in places if len(small) else ():
            _put(labels, place, np.isin(labels[place], small), 0)
        return
    regions = JoinedRegions(partial(_differs, labels, 0), labels.shape, places, connectivity)
    chosen = regions.sizes <= most
    for place in places if chosen.any() else ():
        _put(labels, place, regions.mask_of(place, chosen), 0)


def keep_largest(
    labels: Labels,
    places: Sequence[Place],
    classes: Sequence[int] | None = None,
    each_class: bool = True,
    connectivity: int | None = None,
    number: int = 1,
) -> None:
    """Remove all but the largest regions.

    Args:
        labels: a label map, which is changed.
        places: see :func:`postprocess_in_place`.
        classes: those that are looked at; None for all.
        each_class: keep regions of each class; otherwise regions may have several.
        connectivity: see :class:`.Regions`.
        number: the regions that stay.
    """
    values = _present(labels, places) if classes is None else list(classes)
    for chosen in [[value] for value in values] if each_class else [values]:
        regions = JoinedRegions(partial(_is_in, labels, chosen), labels.shape, places, connectivity)
        if len(regions.sizes) > number:
            others = np.ones(len(regions.sizes), dtype=bool)
            # The background is among what MONAI sorts, which tells between regions of one size.
            others[np.argsort(np.concatenate([[0], regions.sizes]))[::-1][:number] - 1] = False
            for place in places:
                _put(labels, place, regions.mask_of(place, others), 0)


def of_classes(labels: Labels, places: Sequence[Place], classes: Sequence[int], of: Mapping[str, Any]) -> None:
    """Take what another step does to some classes, and leave the others as they are.

    Args:
        labels: a label map, which is changed.
        places: see :func:`postprocess_in_place`.
        classes: the values.
        of: the facts of the other step.
    """
    whole = _whole(labels)[0]
    before = labels[whole]
    after = postprocess(before, [of])
    for value in classes:
        before = np.where((after == value) | (before == value), after, before)
    labels[whole] = before


def smooth(labels: Labels, places: Sequence[Place], sigma: Sequence[float]) -> None:
    """Blur the mask of each class, and take the class that is strongest then, as MONAI's GaussianSmooth makes it.

    Beyond the border of the image there is no class, not even the background.

    Args:
        labels: a label map, which is changed.
        places: see :func:`postprocess_in_place`.
        sigma: the standard deviation of the Gaussian along each axis, in pixels.
    """
    kernels = [_gaussian(one) for one in sigma]
    whole = _whole(labels)[0]
    before = labels[whole]
    found, strongest = np.zeros_like(before), _blurred(before == 0, kernels)
    for value in _present(labels, places):
        strength = _blurred(before == value, kernels)
        stronger = strength > strongest
        found[stronger], strongest[stronger] = value, strength[stronger]
    labels[whole] = found


_STEPS: dict[str, Callable[..., None]] = {
    "fill_holes": fill_holes,
    "keep_largest": keep_largest,
    "of_classes": of_classes,
    "remove_small": remove_small,
    "smooth": smooth,
}


def _gaussian(sigma: float) -> list[float]:
    """The shares of a Gaussian that fall on pixels, up to four standard deviations from its middle."""
    reach = max(int(4 * sigma + 0.5), 1)
    ends = [math.erf((place - 0.5) / (sigma * math.sqrt(2))) for place in range(-reach, reach + 2)]
    return [(end - begin) / 2 for begin, end in zip(ends, ends[1:], strict=False)]


def _blurred(mask: np.ndarray, kernels: Sequence[Sequence[float]]) -> np.ndarray:
    """A mask convolved along each axis, with zeros around it."""
    values = mask.astype(np.float32)
    for axis, kernel in enumerate(kernels):
        along, total = np.moveaxis(values, axis, 0), np.zeros_like(values)
        sums = np.moveaxis(total, axis, 0)
        for shift, weight in zip(range(-(len(kernel) // 2), len(kernel) // 2 + 1), kernel, strict=True):
            length = len(along) - abs(shift)
            if length > 0:
                begin, source = max(-shift, 0), max(shift, 0)
                sums[begin : begin + length] += np.float32(weight) * along[source : source + length]
        values = total
    return values


def _whole(labels: Labels) -> list[Place]:
    return [tuple(slice(0, length) for length in labels.shape)]


def _differs(labels: Labels, value: int, place: Place) -> np.ndarray:
    return labels[place] != value


def _is_in(labels: Labels, values: Sequence[int], place: Place) -> np.ndarray:
    return np.isin(labels[place], values)


def _put(labels: Labels, place: Place, mask: np.ndarray, value: int) -> None:
    """Give some pixels of a block a value."""
    if mask.any():
        block = labels[place]
        block[mask] = value
        labels[place] = block


def _counts(labels: Labels, places: Sequence[Place]) -> np.ndarray:
    """The pixels of each value."""
    counts = np.zeros(1, dtype=np.int64)
    for place in places:
        found = np.bincount(labels[place].reshape(-1), minlength=len(counts))
        found[: len(counts)] += counts
        counts = found
    return counts


def _present(labels: Labels, places: Sequence[Place]) -> list[int]:
    return [int(value) for value in np.flatnonzero(_counts(labels, places)) if value]
