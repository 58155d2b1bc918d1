"""Provides dictionary transforms that MONAI lacks: geometry and checks of labels, and the selection of slices."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import MetaKeys, TraceKeys

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.label_values import check_values

__all__ = ["CheckLabeld", "CopyGeometryd", "SelectSlicesd"]

SAME_PLACE = 0.1
"""Share of the smallest voxel spacing by which the corners of a label may be beside those of its image."""


class CheckLabeld(MapTransform):
    """Refuses labels that do not belong to their image, or whose values are no classes.

    Args:
        keys: labels (1, x, y[, z]), in the orientation of the image.
        label_names: name of each class by its value as text.
        reference: key of the image (channel, x, y[, z]).
        allow_missing_keys: whether a missing key is passed over.

    Raises:
        DataError: image and label differ in size or, as volumes, lie at different places; or the label has several
            channels.
        LabelValuesError: it has values that are no classes.
    """

    def __init__(
        self,
        keys: KeysCollection,
        label_names: Mapping[str, str],
        reference: str = "image",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.label_names, self.reference = label_names, reference

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary as it is."""
        image = data[self.reference]
        for key in self.key_iterator(dict(data)):
            label, name = data[key], _name_of(data[key], key)
            if label.shape[0] > 1:
                raise DataError(
                    f"The label {name} has the shape {_times((*label.shape[1:], label.shape[0]))}, as where each class "
                    "has a channel of its own: save it with one channel, whose values are the numbers of the classes "
                    "(numpy.argmax along the last axis, if the first channel is the background)."
                )
            _check_place(image, label, _name_of(image, self.reference), name)
            check_values(np.asarray(label), name, self.label_names)
        return dict(data)


def _check_place(image: Any, label: Any, image_name: str, name: str) -> None:
    if image.shape[1:] != label.shape[1:]:
        raise DataError(
            f"The image {image_name} is {_times(image.shape[1:])} but its label {name} is {_times(label.shape[1:])}: "
            "give both the same size, or remove both."
        )
    if image.ndim != 4:
        return
    corners = np.array(np.meshgrid(*[[0, length - 1] for length in image.shape[1:]], [1.0])).reshape(4, -1)
    there, here = (np.asarray(tensor.affine, float) @ corners for tensor in (image, label))
    offset = float(np.linalg.norm((there - here)[:3], axis=0).max())
    if not offset <= SAME_PLACE * min(image.pixdim.tolist()):
        spacings = [" x ".join(f"{length:.4g}" for length in tensor.pixdim.tolist()) for tensor in (image, label)]
        raise DataError(
            f"The label {name} is not where its image {image_name} is: their corners are up to {offset:.4g} mm "
            f"apart (voxels of {spacings[0]} mm in the image and {spacings[1]} mm in the label): save the label on the "
            "grid of the image, or remove both."
        )


def _name_of(tensor: Any, key: Hashable) -> str:
    return str(getattr(tensor, "meta", {}).get("filename_or_obj", key))


def _times(lengths: Any) -> str:
    return "x".join(map(str, lengths))


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
