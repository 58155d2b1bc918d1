"""From a mask to its single objects: touching nuclei apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type, ensure_tuple_rep, optional_import

from scripts.errors import DataError

distance_transform_edt, _ = optional_import("scipy.ndimage", name="distance_transform_edt")
gaussian, _ = optional_import("skimage.filters", name="gaussian")
label, _ = optional_import("skimage.measure", name="label")
local_maxima, _ = optional_import("skimage.morphology", name="local_maxima")
reconstruction, _ = optional_import("skimage.morphology", name="reconstruction")
relabel_sequential, _ = optional_import("skimage.segmentation", name="relabel_sequential")
watershed, _ = optional_import("skimage.segmentation", name="watershed")

MOST_OBJECTS = int(np.iinfo(np.uint16).max)
"""In one picture: more cannot be numbered in a PNG."""

__all__ = ["SeparateInstancesd", "separate_instances"]


def separate_instances(mask: np.ndarray, smoothing: float = 1.0, depth: float = 0.25) -> np.ndarray:
    """
    Number the objects of a mask, those that touch too, by the watershed of the distance to the background.

    Every pixel of the mask belongs to one object, and every connected region, pixels that touch by a corner included,
    has at least one.

    Args:
        mask: boolean, of any number of dimensions.
        smoothing: standard deviation in pixels of the Gaussian that the distances are smoothed with, so that a ragged
            border makes no objects.
        depth: pixels by which the distance must fall between the middles of two objects for them to be two.

    Returns:
        int32 of the same shape: 0 is background, objects are 1, 2, ...
    """
    distance = np.where(mask, gaussian(distance_transform_edt(mask), smoothing, preserve_range=True), 0)
    # Not skimage's h_maxima, which takes two middles of equal height for two objects however shallow it is between.
    middles = local_maxima(reconstruction(distance - depth, distance)) & mask
    markers = label(middles)
    # A region whose middle is not that deep is one object.
    regions = label(mask)
    unmarked = mask & ~np.isin(regions, regions[markers > 0])
    markers = np.where(unmarked, markers.max() + regions, markers)
    objects = watershed(-distance, markers, connectivity=mask.ndim, mask=mask)
    return relabel_sequential(objects)[0].astype(np.int32)


class SeparateInstancesd(MapTransform):
    """
    Number the objects of a mask (1, ...) and keep the numbers (1, ...), int32, beside it, see
    :func:`separate_instances`.

    Args:
        keys: masks; all that is above 0 is foreground.
        names: keys of the numbered objects, one for each mask.
        smoothing: see :func:`separate_instances`.
        depth: see :func:`separate_instances`.
        allow_missing_keys: whether a missing key is passed over.

    Raises:
        DataError: there are more objects than a picture of 16 bits can number.
    """

    def __init__(
        self,
        keys: KeysCollection,
        names: KeysCollection,
        smoothing: float = 1.0,
        depth: float = 0.25,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.names = ensure_tuple_rep(names, len(self.keys))
        self.smoothing, self.depth = smoothing, depth

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the objects added."""
        result = dict(data)
        for key, name in self.key_iterator(result, self.names):
            mask = convert_data_type(result[key], np.ndarray)[0][0] > 0
            objects = separate_instances(mask, self.smoothing, self.depth)[None]
            if objects.max(initial=0) > MOST_OBJECTS:
                image = getattr(result[key], "meta", {}).get("filename_or_obj", key)
                raise DataError(
                    f"{image} has {objects.max()} objects and a picture can number {MOST_OBJECTS}: cut it into tiles."
                )
            result[name] = convert_to_dst_type(objects, result[key], dtype=torch.int32)[0]
        return result
