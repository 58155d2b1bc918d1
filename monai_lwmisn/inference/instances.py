"""Numbers the objects of a mask, in MONAI's style."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type, ensure_tuple_rep

from monai_lwmisn.light.instances import separate_instances

__all__ = ["SeparateInstancesd"]


class SeparateInstancesd(MapTransform):
    """Numbers the objects of a mask (1, ...). The numbers (1, ...) are int32.

    See :func:`monai_lwmisn.light.instances.separate_instances`.

    Args:
        keys: masks; every value above 0 is foreground.
        names: keys of the numbered objects, one for each mask.
        smoothing: see there.
        depth: see there.
        allow_missing_keys: whether a missing key is passed over.
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
            result[name] = convert_to_dst_type(objects, result[key], dtype=torch.int32)[0]
        return result
