"""Polarity: in fluorescence nuclei shine on a dark background, in stained images they are dark on a bright one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform


class BrightForegroundd(MapTransform):
    """Invert images whose background is bright, so that the objects are brighter than the background in all.

    Most pixels of such images are background, so the median tells the background's brightness.

    Args:
        keys: images with values from 0 to ``maximum``.
        maximum: the brightest possible value; an image is inverted when its median is above half of it.
        allow_missing_keys: whether a missing key is passed over.
    """

    def __init__(self, keys: KeysCollection, maximum: float = 1.0, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.maximum = maximum

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the images inverted where needed."""
        result = dict(data)
        for key in self.key_iterator(result):
            if torch.as_tensor(result[key]).median() > self.maximum / 2:
                result[key] = self.maximum - result[key]
        return result
