"""Makes logits on the network's grid a mask on the grid of the file."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import (
    Activationsd,
    AsDiscreted,
    Compose,
    EnsureTyped,
    Invertd,
    InvertibleTransform,
    MapTransform,
    SqueezeDimd,
)

from monai_lwmisn.inference.instances import SeparateInstancesd

__all__ = ["OfClassesd", "mask_postprocessing", "most_probable", "native_mask", "native_probabilities"]


def mask_postprocessing(
    preprocessing: Compose,
    out_channels: int,
    transforms: Sequence[Callable] = (),
    volumetric: bool = False,
    instances: bool = False,
) -> Compose:
    """The postprocessing of an inference: ``pred`` from logits (out_channels, ...) to labels, uint8.

    The labels are (1, x, y, z) of a volume and (x, y) of a picture, as MONAI Label needs them.

    Args:
        preprocessing: all that was done to ``image``; what changed its grid is undone.
        out_channels: 1 for one class, otherwise background and classes.
        transforms: of ``pred`` as a label map (1, ...) on the grid of the file.
        volumetric: the images are volumes.
        instances: add ``instances``, the numbered objects (1, ...) of the label map.
    """
    steps = [*native_mask(preprocessing, out_channels), *transforms]
    if instances:
        steps.append(SeparateInstancesd("pred", "instances"))
    if not volumetric:
        steps.append(SqueezeDimd("pred", dim=0))
    return Compose([*steps, EnsureTyped("pred", dtype="uint8")])


def native_mask(preprocessing: Compose, out_channels: int) -> list[Callable]:
    """The transforms that make ``pred``, the logits (out_channels, ...), a label map (1, ...) on the grid of the file.

    Args:
        preprocessing: all that was done to ``image``; what changed its grid is undone.
        out_channels: 1 for one class, otherwise background and classes.
    """
    return [*native_probabilities(preprocessing, out_channels), most_probable(out_channels)]


def native_probabilities(preprocessing: Compose, out_channels: int) -> list[Callable]:
    """The transforms that make ``pred``, the logits, probabilities (out_channels, ...) on the grid of the file.

    Logits, not classes, are resampled, so that borders are smooth.

    Args:
        preprocessing: all that was done to ``image``; what changed its grid is undone.
        out_channels: 1 for one class, otherwise background and classes.
    """
    single = out_channels == 1
    transforms: list[Callable] = [Activationsd("pred", sigmoid=single, softmax=not single)]
    if any(isinstance(transform, InvertibleTransform) for transform in preprocessing.flatten().transforms):
        transforms.insert(0, Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False, device=None))
    return transforms


def most_probable(out_channels: int, key: str = "pred") -> Callable:
    """The transform that makes probabilities (out_channels, ...) a label map (1, ...).

    Args:
        out_channels: 1 for one class, which takes a probability of at least 0.5. Otherwise background and classes, of
            which the most probable is taken.
        key: of the probabilities.
    """
    return AsDiscreted(key, threshold=0.5) if out_channels == 1 else AsDiscreted(key, argmax=True)


class OfClassesd(MapTransform):
    """Takes what a transform does to some classes of a label map (1, ...), and leaves the others as they are.

    Args:
        keys: label maps.
        transform: of the same keys, such as MONAI's FillHolesd.
        classes: the values of the classes.
        allow_missing_keys: whether a missing key is passed over.
    """

    def __init__(
        self, keys: KeysCollection, transform: Callable, classes: Sequence[int], allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.transform, self.classes = transform, tuple(classes)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with the label maps changed."""
        result = dict(data)
        changed = self.transform({key: result[key].clone() for key in self.key_iterator(result)})
        for key in self.key_iterator(result):
            for value in self.classes:
                before, after = result[key], changed[key]
                result[key] = torch.where((after == value) | ((before == value) & (after != value)), after, before)
        return result
