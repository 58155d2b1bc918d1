"""Dictionary transforms of images that MONAI does not have, in MONAI's style."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type, convert_to_numpy, convert_to_tensor

from monai_lwmisn.errors import ConfigError, InputWarning
from monai_lwmisn.light.image_checks import check_image, check_slice_axis

__all__ = ["AcquisitionAxisd", "BrightForegroundd", "CheckImaged", "CurvatureFlowd", "NeighbouringSlicesd"]


class CheckImaged(MapTransform):
    """Refuses images that the network cannot take, and warns of those that it was not made for.

    See :func:`monai_lwmisn.light.image_checks.check_image`. The warnings are :class:`InputWarning`.

    Args:
        keys: images (channel, x, y[, z]).
        in_channels: the channels that the network takes.
        modality: ``CT``, ``MR`` or ``microscopy``.
        allow_missing_keys: whether a missing key is passed over.

    Raises:
        DataError: another number of channels, or values that are NaN or infinite.
    """

    def __init__(self, keys: KeysCollection, in_channels: int, modality: str, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.in_channels, self.modality = in_channels, modality

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary as it is."""
        for key in self.key_iterator(dict(data)):
            image = convert_to_numpy(data[key])
            _warn(check_image(image, self.in_channels, self.modality, _name(data[key], key)))
        return dict(data)


class AcquisitionAxisd(MapTransform):
    """Warns where the slices are not those that were acquired.

    See :func:`monai_lwmisn.light.image_checks.check_slice_axis`. The warnings are :class:`InputWarning`.

    Args:
        keys: volumes (channel, x, y, z), in the orientation whose last axis is sliced along.
        allow_missing_keys: whether a missing key is passed over.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary as it is."""
        for key in self.key_iterator(dict(data)):
            _warn(check_slice_axis(np.asarray(data[key].pixdim, dtype=float), _name(data[key], key)))
        return dict(data)


class BrightForegroundd(MapTransform):
    """Inverts images with a bright background, so that the objects are the brighter part of every image.

    In fluorescence nuclei shine on a dark background; in stained images they are dark on a bright one. Most pixels are
    background, so the median is its brightness.

    Args:
        keys: images with values from 0 to ``maximum``.
        maximum: the largest possible value; an image is inverted when its median is above half of it.
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


class CurvatureFlowd(MapTransform):
    """Smooths images with SimpleITK's CurvatureFlow, which keeps edges.

    The paper denoises the prostate images (section 3.1) and does not name the filter. This one is that of SimpleITK's
    own examples of segmentation. Volumes are smoothed slice by slice (last axis), since slices of PROMISE12 are thick.

    Args:
        keys: images (channel, x, y[, z]).
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
        import SimpleITK

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


class NeighbouringSlicesd(MapTransform):
    """Gives each slice of a volume its neighbours along the last axis as channels; the network segments the middle one.

    The channels of the first of ``slices`` slices come first, then those of the next. Beyond either end of the volume
    its last slice is repeated. A volume of one channel is not copied more than once.

    Args:
        keys: volumes (channel, x, y, z), which become (slices * channel, x, y, z).
        slices: an odd number, see :class:`~monai_lwmisn.networks.Architecture`; 1 leaves every image as it is.
        allow_missing_keys: whether a missing key is passed over.

    Raises:
        ConfigError: an image is a picture, and ``slices`` is above 1.
    """

    def __init__(self, keys: KeysCollection, slices: int, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.slices = slices

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary with more channels."""
        result = dict(data)
        for key in self.key_iterator(result) if self.slices > 1 else ():
            image = result[key]
            if image.ndim != 4:
                raise ConfigError(
                    f"The network takes {self.slices} neighbouring slices of a volume, and {_name(image, key)} is a "
                    "picture: use a network that takes pictures."
                )
            values = convert_to_tensor(image)
            first, last = ([values[..., end]] * (self.slices // 2) for end in (slice(0, 1), slice(-1, None)))
            windows = torch.cat([*first, values, *last], dim=-1).unfold(-1, self.slices, 1)
            result[key] = convert_to_dst_type(windows.movedim(-1, 0).flatten(0, 1), image)[0]
        return result


def _name(image: Any, key: Hashable) -> str:
    return str(getattr(image, "meta", {}).get("filename_or_obj", key))


def _warn(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        warnings.warn(sentence, InputWarning, stacklevel=3)
