"""Provides dictionary transforms that MONAI lacks: geometry for labels, and the selection of slices."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import MetaKeys, TraceKeys

from monai_lwmisn.errors import DataError

__all__ = ["CopyGeometryd", "SelectSlicesd"]


class CopyGeometryd(MapTransform):
    """Gives labels without geometry, such as PNG masks beside a DICOM series, the affine of their image.

    Labels with an affine of their own stay as they are. The affine and the size of the image are those at loading,
    because the image may have been reoriented since. The label picture of a volume with one slice gets a third axis.

    Args:
        keys: labels (1, x, y[, z]) as they were loaded.
        reference: key of the image.
        allow_missing_keys: whether a missing key is skipped.

    Raises:
        DataError: a label without geometry and its image differ in size.
    """

    def __init__(self, keys: KeysCollection, reference: str = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.reference = reference

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the labels on the image's geometry."""
        result = dict(data)
        image = result[self.reference]
        shape = tuple(int(length) for length in image.meta[MetaKeys.SPATIAL_SHAPE])
        for key in self.key_iterator(result):
            label = result[key]
            if MetaKeys.ORIGINAL_AFFINE in label.meta:
                continue
            values = label.as_tensor()
            if shape == (*values.shape[1:], 1):
                values = values[..., None]
            if tuple(values.shape[1:]) != shape:
                raise DataError(
                    f"The label {label.meta.get('filename_or_obj', key)} has the size {tuple(label.shape[1:])}, but "
                    f"its image {image.meta.get('filename_or_obj')} has {shape}: give both the same size."
                )
            meta = {name: value for name, value in label.meta.items() if name != MetaKeys.AFFINE}
            result[key] = MetaTensor(values, affine=image.meta[MetaKeys.ORIGINAL_AFFINE], meta=meta)
        return result


class SelectSlicesd(MapTransform):
    """Keeps only the slices along the last axis that the item lists under ``slices``; without a list, keeps all.

    The transforms before it must not change the last axis. They can still be inverted, which then gives the kept
    slices. The key ``slices`` is removed from the dictionary, so that nothing is selected twice.

    Args:
        keys: volumes (channel, x, y, z).
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
