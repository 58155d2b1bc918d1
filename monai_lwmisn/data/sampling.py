"""How often each image is drawn in training, so that rare kinds of image are learnt too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from monai_lwmisn.data.datasets.base import Item


def stratum_weights(items: Sequence[Item], exponent: float) -> list[float] | None:
    """The weight of each image by how rare its stratum is.

    Args:
        items: the training part of a datalist.
        exponent: 0 draws every image alike, 1 every stratum alike; 0.5 lies between: the share of a stratum goes with
            the square root of its size.

    Returns:
        A weight for each item, or None where all would be equal.
    """
    sizes = Counter(item.get("stratum", "") for item in items)
    if exponent == 0 or len(sizes) < 2:
        return None
    return [sizes[item.get("stratum", "")] ** -exponent for item in items]
