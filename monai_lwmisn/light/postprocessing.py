"""The steps that follow on a label map, as MONAI's transforms of the same purpose take them. Needs numpy alone.

Each is written to ``model_full.onnx`` as facts: ``step``, and the options of the function of that name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .errors import ConfigError
from .regions import Regions

__all__ = ["fill_holes", "keep_largest", "postprocess", "remove_small", "smooth"]


def postprocess(labels: np.ndarray, steps: Iterable[Mapping[str, Any]]) -> np.ndarray:
    """Take all steps, one after the other.

    Args:
        labels: a label map (x, y[, z]); it is not changed.
        steps: facts of each.

    Raises:
        ConfigError: a step is of another release.
    """
    for fact in steps:
        options = dict(fact)
        step = _STEPS.get(options.pop("step", ""))
        if step is None:
            raise ConfigError(f"The step {dict(fact)} is not known here: install a newer lwmisn-run.")
        labels = step(labels.copy(), **options)
    return labels


def fill_holes(labels: np.ndarray, classes: Sequence[int] | None = None, connectivity: int | None = None) -> np.ndarray:
    """Give holes the class around them. What touches the border of the image is no hole.

    Args:
        labels: a label map, which is changed.
        classes: those whose holes are filled; None for all.
        connectivity: of what is not of the class, see :class:`.Regions`.
    """
    for value in _present(labels) if classes is None else classes:
        if value != 0:
            outside = Regions(labels != value, connectivity)
            labels[outside.mask_of(~outside.at_border())] = value
    return labels


def remove_small(labels: np.ndarray, most: int, connectivity: int = 1, each_value: bool = True) -> np.ndarray:
    """Remove small regions.

    Args:
        labels: a label map, which is changed.
        most: the pixels of the largest region that is removed.
        connectivity: see :class:`.Regions`.
        each_value: of several classes, count the pixels of each as one region; otherwise regions may have several.
    """
    if each_value and labels.max(initial=0) > 1:
        values, counts = np.unique(labels, return_counts=True)
        labels[np.isin(labels, values[counts <= most])] = 0
        return labels
    regions = Regions(labels > 0, connectivity)
    labels[regions.mask_of(regions.sizes <= most)] = 0
    return labels


def keep_largest(
    labels: np.ndarray,
    classes: Sequence[int] | None = None,
    each_class: bool = True,
    connectivity: int | None = None,
    number: int = 1,
) -> np.ndarray:
    """Remove all but the largest regions.

    Args:
        labels: a label map, which is changed.
        classes: those that are looked at; None for all.
        each_class: keep regions of each class; otherwise regions may have several.
        connectivity: see :class:`.Regions`.
        number: the regions that stay.
    """
    values = _present(labels) if classes is None else list(classes)
    for chosen in [[value] for value in values] if each_class else [values]:
        found = np.isin(labels, chosen)
        regions = Regions(found, connectivity)
        if len(regions.sizes) > number:
            keep = np.zeros(len(regions.sizes), dtype=bool)
            # The background is among what MONAI sorts, which tells between regions of one size.
            keep[np.argsort(np.concatenate([[0], regions.sizes]))[::-1][:number] - 1] = True
            labels[found & ~regions.mask_of(keep)] = 0
    return labels


def of_classes(labels: np.ndarray, classes: Sequence[int], of: Mapping[str, Any]) -> np.ndarray:
    """Take what another step does to some classes, and leave the others as they are.

    Args:
        labels: a label map.
        classes: the values.
        of: the facts of the other step.
    """
    after = postprocess(labels, [of])
    for value in classes:
        labels = np.where((after == value) | (labels == value), after, labels)
    return labels


def smooth(labels: np.ndarray, sigma: Sequence[float]) -> np.ndarray:
    """Blur the mask of each class, and take the class that is strongest then, as MONAI's GaussianSmooth makes it.

    Beyond the border of the image there is no class, not even the background.

    Args:
        labels: a label map.
        sigma: the standard deviation of the Gaussian along each axis, in pixels.
    """
    kernels = [_gaussian(one) for one in sigma]
    found, strongest = np.zeros_like(labels), _blurred(labels == 0, kernels)
    for value in _present(labels):
        strength = _blurred(labels == value, kernels)
        stronger = strength > strongest
        found[stronger], strongest[stronger] = value, strength[stronger]
    return found


_STEPS: dict[str, Callable[..., np.ndarray]] = {
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


def _present(labels: np.ndarray) -> list[int]:
    return [int(value) for value in np.flatnonzero(np.bincount(labels.reshape(-1))) if value]
