"""Finds the sides that classes lie on, because their mirror images would be wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations

import numpy as np

from monai_lwmisn.auto.observation import Observation

SAME_SIDE = 0.95
"""Share of the images in which a class must be on one side, of another class or of the middle, to have a side."""

OFF_CENTRE = 0.03
"""Share of an image by which it must be there at least, in the median."""

FEW_IMAGES = 5
"""Below so many images a side is seen by a distance of :data:`CLEARLY_OFF_CENTRE` only."""

CLEARLY_OFF_CENTRE = 0.1

SIDES = re.compile(r"(?<![a-z])(left|right|links|rechts|gauche|droite?|lt|rt|lh|rh|[lr](?!\d))(?![a-z])", re.IGNORECASE)
"""A side of the body in the name of a class. L1 is a vertebra."""


def find_sides(seen: Observation, names: Mapping[int, str], volumetric: bool) -> dict[str, str]:
    """Return the reason in words for each axis on which a mirror image would be wrong, by the number of the axis.

    Args:
        seen: measures of all images and labels.
        names: of the classes by their values.
        volumetric: whether the images are volumes.
    """
    words = ("from left to right", "from back to front", "from below to above") if volumetric else ("across", "upright")
    sides: dict[str, str] = {}
    for first, second in combinations(sorted(names), 2):
        both = [(centres[first], centres[second]) for centres in seen.centres if {first, second} <= set(centres)]
        offsets = np.array([np.subtract(one, other) for one, other in both]).reshape(-1, len(words))
        for axis, found in enumerate(offsets.T):
            if _one_sided(found):
                sides.setdefault(
                    str(axis),
                    f"{names[first]} and {names[second]} lie in one order {words[axis]} in nearly every image",
                )
    for value, name in names.items():
        for axis, found in enumerate(np.array(seen.classes[value].centre).reshape(-1, len(words)).T - 0.5):
            if _one_sided(found) and abs(float(np.median(found))) > CLEARLY_OFF_CENTRE:
                sides.setdefault(str(axis), f"{name} lies on one side {words[axis]} in nearly every image")
        if SIDES.search(name):
            sides["0"] = f"{name} is the name of a side"
    return sides


def _one_sided(offsets: np.ndarray) -> bool:
    if len(offsets) == 0:
        return False
    least = OFF_CENTRE if len(offsets) >= FEW_IMAGES else CLEARLY_OFF_CENTRE
    return bool(abs(np.median(offsets)) > least and abs(np.mean(np.sign(offsets))) >= 2 * SAME_SIDE - 1)
