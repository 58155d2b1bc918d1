"""Geometry for labels whose files have none, such as the PNG masks beside a DICOM series."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from scripts.errors import DataError


class CopyGeometryd(MapTransform):
    """Give labels the affine of the image they were drawn on.

    Args:
        keys: labels on the grid of the reference.
        reference: key of the image whose affine is right.
        allow_missing_keys: whether a missing key is passed over.

    Raises:
        DataError: label and image differ in shape.
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
                    f"The label {label.meta.get('filename_or_obj', key)} has the shape {tuple(label.shape[1:])}, its "
                    f"image {image.meta.get('filename_or_obj')} {tuple(image.shape[1:])}; make them match."
                )
            meta = {name: value for name, value in label.meta.items() if name != "affine"}
            result[key] = MetaTensor(label.as_tensor(), affine=image.affine, meta=meta)
        return result
