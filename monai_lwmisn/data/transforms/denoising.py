"""Denoising with SimpleITK, as published for the prostate images (the paper, section 3.1, does not name the filter)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type, convert_to_numpy, optional_import

SimpleITK, _ = optional_import("SimpleITK")


class CurvatureFlowd(MapTransform):
    """Smooth images with SimpleITK's CurvatureFlow: edges stay, noise between them goes.

    The filter is our choice: it is the one of SimpleITK's own segmentation examples. Volumes are smoothed slice by
    slice (the last axis), since the slices of PROMISE12 are thick.

    Args:
        keys: channel-first images (channel, x, y[, z]).
        time_step: step of the level-set evolution; SimpleITK's stability limit is 0.125 in 2D.
        iterations: number of steps.
        allow_missing_keys: whether a missing key is passed over.
    """

    def __init__(
        self, keys: KeysCollection, time_step: float = 0.125, iterations: int = 5, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.time_step = time_step
        self.iterations = iterations

    def _smooth(self, picture: np.ndarray) -> np.ndarray:
        image = SimpleITK.GetImageFromArray(picture.astype(np.float32))
        return SimpleITK.GetArrayFromImage(SimpleITK.CurvatureFlow(image, self.time_step, self.iterations))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the images smoothed."""
        result = dict(data)
        for key in self.key_iterator(result):
            image = convert_to_numpy(result[key])
            pictures = image if image.ndim == 3 else np.moveaxis(image, -1, 1).reshape(-1, *image.shape[1:3])
            smooth = np.stack([self._smooth(picture) for picture in pictures])
            if image.ndim == 4:
                smooth = np.moveaxis(smooth.reshape(image.shape[0], image.shape[3], *image.shape[1:3]), 1, -1)
            result[key] = convert_to_dst_type(np.ascontiguousarray(smooth), result[key])[0]
        return result
