"""Slices of a volume that a datalist dealt out singly."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import TraceKeys


class SelectSlicesd(MapTransform):
    """Keep only the slices along the last axis that the item lists under ``slices``; without a list, keep all.

    The transforms before it must leave the last axis as it was loaded. Those that it follows can still be undone: they
    give back the slices kept. ``slices`` is taken out of the dictionary, so that nothing is selected twice.

    Args:
        keys: channel-first volumes (channel, x, y, z).
        allow_missing_keys: whether a missing key is passed over.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the volumes cut down to their listed slices."""
        result = dict(data)
        slices = result.pop("slices", None)
        if slices is not None:
            for key in self.key_iterator(result):
                result[key] = _select(result[key], list(slices))
        return result


def _select(volume: Any, slices: list[int]) -> Any:
    kept = volume[..., slices]
    if isinstance(kept, MetaTensor):
        # Undone, a transform restores the size it has recorded, which would stretch the slices kept over all places.
        kept.applied_operations = [
            {**operation, TraceKeys.ORIG_SIZE: (*operation[TraceKeys.ORIG_SIZE][:-1], len(slices))}
            for operation in volume.applied_operations
        ]
    return kept
