"""What an image must be before a network sees it, and what its owner should know about it."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from monai_lwmisn.errors import DataError, InputWarning

AIR = -500.0
"""Hounsfield units below which there is air in a CT; every CT of a body has such values."""

LEAST_AIR = 0.01
"""Share of voxels with air by which a CT is told; resampling leaves single voxels of an MR below zero."""


class CheckImaged(MapTransform):
    """Refuse images that the network cannot take, and warn of those that it was not made for.

    Args:
        keys: channel-first images (channel, x, y[, z]).
        in_channels: channels that the network takes.
        modality: ``CT``, ``MR`` or ``microscopy``; a volume whose values are those of another is warned of.
        allow_missing_keys: whether a missing key is passed over.

    Raises:
        DataError: another number of channels, or voxels that are no numbers.
    """

    def __init__(self, keys: KeysCollection, in_channels: int, modality: str, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.in_channels, self.modality = in_channels, modality

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary as it is."""
        for key in self.key_iterator(dict(data)):
            image = data[key]
            name = getattr(image, "meta", {}).get("filename_or_obj", key)
            if image.shape[0] != self.in_channels:
                raise DataError(
                    f"{name} has {image.shape[0]} channels (or moments) and the network takes {self.in_channels}: "
                    "convert it, or give a single volume of the series."
                )
            if not torch.isfinite(torch.as_tensor(image)).all():
                raise DataError(f"{name} has voxels that are NaN or infinite: repair it.")
            lowest = float(image.min())
            share_of_air = float((torch.as_tensor(image) < AIR).float().mean())
            if self.modality == "MR" and share_of_air > LEAST_AIR:
                warnings.warn(
                    f"{name} looks like CT (values down to {lowest:g}), not like MR.", InputWarning, stacklevel=2
                )
            if self.modality == "CT" and lowest > AIR:
                warnings.warn(
                    f"{name} does not look like CT in Hounsfield units (values from {lowest:g}).",
                    InputWarning,
                    stacklevel=2,
                )
        return dict(data)


class AcquisitionAxisd(MapTransform):
    """Warn when the slices to be segmented are not those that were acquired.

    The network sees one slice at a time; the axis of the largest spacing is that along which the scanner took them, and
    slices along another are blurred by it.

    Args:
        keys: channel-first volumes (channel, x, y, z), brought to the orientation whose last axis is sliced along.
        allow_missing_keys: whether a missing key is passed over.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the dictionary as it is."""
        for key in self.key_iterator(dict(data)):
            spacing = np.asarray(data[key].pixdim, dtype=float)
            if spacing.max() > 1.5 * spacing[-1]:
                name = data[key].meta.get("filename_or_obj", key)
                warnings.warn(
                    f"{name} is sliced along an axis with {spacing[-1]:.3g} mm between slices, while another axis has "
                    f"{spacing.max():.3g} mm: choose it with slice_axis if the network was trained on such slices.",
                    InputWarning,
                    stacklevel=2,
                )
        return dict(data)
