"""Gives geometry to labels whose files have none, such as the PNG masks of a DICOM series."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from monai_lwmisn.errors import DataError


class CopyGeometryd(MapTransform):
    """Copies the affine of an image to the labels that were drawn on it.

    Args:
        keys: labels (1, x, y[, z]) on the grid of the reference.
        reference: key of the image whose affine is right.
        allow_missing_keys: whether a missing key is skipped.

    Raises:
        DataError: label and image differ in size.
    """

    def __init__(self, keys: KeysCollection, reference: str = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.reference = reference

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the labels on the reference's geometry."""
        result = dict(data)
        image = result[self.reference]
        for key in self.key_iterator(result):
            label = result[key]
            if label.shape[1:] != image.shape[1:]:
                raise DataError(
                    f"The label {label.meta.get('filename_or_obj', key)} has the size {tuple(label.shape[1:])}, but "
                    f"its image {image.meta.get('filename_or_obj')} has {tuple(image.shape[1:])}: "
                    "give both the same size."
                )
            meta = {name: value for name, value in label.meta.items() if name != "affine"}
            result[key] = MetaTensor(label.as_tensor(), affine=image.affine, meta=meta)
        return result
