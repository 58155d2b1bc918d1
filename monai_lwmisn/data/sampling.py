"""Computes how often training draws each image, so that rare kinds of image are learned too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from monai_lwmisn.data.datasets.base import Item


def stratum_weights(items: Sequence[Item], exponent: float) -> list[float] | None:
    """Return the sampling weight of each image, which is larger for rarer strata.

    Args:
        items: the training part of a datalist.
        exponent: 0 draws all images equally often, 1 draws all strata equally often. At 0.5 the share of a stratum is
            proportional to the square root of its size.

    Returns:
        One weight per item, or None if all would be equal.
    """
    sizes = Counter(item.get("stratum", "") for item in items)
    if exponent == 0 or len(sizes) < 2:
        return None
    return [sizes[item.get("stratum", "")] ** -exponent for item in items]
