"""Slices of a volume that a datalist dealt out singly."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.transforms import MapTransform


class SelectSlicesd(MapTransform):
    """Keep only the slices along the last axis that the item lists under ``slices``; without a list, keep all.

    Args:
        keys: channel-first volumes (channel, x, y, z).
        allow_missing_keys: whether a missing key is passed over.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the volumes cut down to their listed slices."""
        result = dict(data)
        slices = result.get("slices")
        if slices is not None:
            for key in self.key_iterator(result):
                result[key] = result[key][..., list(slices)]
        return result
