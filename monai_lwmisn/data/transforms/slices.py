"""Selects the slices of a volume that belong to a part of a split by image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import TraceKeys


class SelectSlicesd(MapTransform):
    """Keeps only the slices along the last axis that the item lists under ``slices``; without a list, keeps all.

    The transforms before it must not change the last axis. They can still be inverted, which then gives the kept
    slices. The key ``slices`` is removed from the dictionary, so that nothing is selected twice.

    Args:
        keys: channel-first volumes (channel, x, y, z).
        allow_missing_keys: whether a missing key is skipped.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the volumes reduced to the listed slices."""
        result = dict(data)
        slices = result.pop("slices", None)
        if slices is not None:
            for key in self.key_iterator(result):
                result[key] = _select(result[key], list(slices))
        return result


def _select(volume: Any, slices: list[int]) -> Any:
    kept = volume[..., slices]
    if isinstance(kept, MetaTensor):
        # An inverted transform restores its recorded size, which would stretch the kept slices over the whole volume.
        kept.applied_operations = [
            {**operation, TraceKeys.ORIG_SIZE: (*operation[TraceKeys.ORIG_SIZE][:-1], len(slices))}
            for operation in volume.applied_operations
        ]
    return kept
