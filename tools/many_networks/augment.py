"""Draws augmented batches from a store, all on the device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from tools.many_networks.draws import Draws
from tools.many_networks.geometry import Geometry
from tools.many_networks.intensity import Intensity
from tools.many_networks.store import Store

DEFAULTS: dict[str, Any] = {
    "zoom": (0.7, 1.4),  # factor, uniform in its logarithm
    "aspect": 0.1,  # largest logarithm of a factor along x, whose inverse is that along y
    "rotate": math.pi,  # largest angle in radians
    "rotate_prob": 1.0,
    "quarters": False,  # turn by multiples of 90 degrees instead
    "flips": (0, 1),  # axes that are mirrored, 0 is x
    "shift": 0.1,  # of the centre, as a share of the image: the least that it may be, more where the crop has room
    "elastic": 6.0,  # largest displacement in pixels
    "elastic_prob": 0.3,
    "reflect": True,  # beyond its borders the image goes on mirrored, otherwise with its last pixels
    "stain": 0.0,  # largest relative change of a stain's amount, in coloured pictures
    "stain_prob": 0.7,
    "grey_prob": 0.15,  # of making a coloured picture less coloured, where stains change
    "blur": (0.5, 1.3),  # sigma in pixels
    "blur_prob": 0.2,
    "low": (0.3, 1.0),  # share of the image at half the resolution
    "low_prob": 0.2,
    "gamma": (0.7, 1.5),
    "gamma_prob": 0.3,
    "invert_gamma_prob": 0.15,  # the same power, of the inverted image
    "contrast": (0.75, 1.3),  # factor of the distance to the mean
    "contrast_prob": 0.3,
    "brightness": (0.75, 1.25),  # factor
    "brightness_prob": 0.3,
    "offset": 0.1,  # largest, as a share of the image's range
    "offset_prob": 0.3,
    "channel": 0.0,  # largest change of the factor, and twice the largest offset, of single channels
    "channel_prob": 0.3,
    "noise": 0.08,  # largest standard deviation, as a share of the image's range
    "noise_prob": 0.2,
}
"""The options of an augmentation. ``..._prob`` is the probability of a step for each image."""

NAMED: dict[str, dict[str, Any]] = read_json(Path(__file__).parent / "augmentations.json")
"""The augmentations of the plans by name: what differs from the defaults."""


def options_of(augmentation: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of an augmentation.

    Args:
        augmentation: a name of augmentations.json, or options that differ from the defaults.

    Raises:
        ConfigError: there is no such name or option.
    """
    if isinstance(augmentation, str):
        if augmentation not in NAMED:
            raise ConfigError(f"There is no augmentation {augmentation!r}: use one of {', '.join(NAMED)}.")
        augmentation = NAMED[augmentation]
    unknown = sorted(set(augmentation) - set(DEFAULTS))
    if unknown:
        raise ConfigError(f"There is no option {unknown[0]!r} of an augmentation: use one of {', '.join(DEFAULTS)}.")
    return {**DEFAULTS, **augmentation}


class Sampler:
    """Random batches of some cases of a store.

    Args:
        store: the cases.
        names: of the cases to draw from.
        batch: number B of images.
        crop: side S of a crop in pixels.
        options: see :func:`options_of`.
    """

    def __init__(self, store: Store, names: Sequence[str], batch: int, crop: int, options: Mapping[str, Any]) -> None:
        self.store, self._reflect = store, options["reflect"]
        numbers = [number for name in names for number in store.numbers[name]]
        self._numbers = torch.tensor(numbers, dtype=torch.int64, device=store.device)
        cumulated = torch.tensor(store.weights(names), dtype=torch.float64).cumsum(0)
        self._cumulated = (cumulated / cumulated[-1]).float().to(store.device)
        self._draws = Draws(batch, store.device)
        self._geometry = Geometry(options, self._draws, crop)
        self._intensity = Intensity(options, self._draws)

    @torch.no_grad()
    def __call__(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Return images (B, C, S, S), and hard and soft labels, see :meth:`Store.read`."""
        drawn = torch.searchsorted(self._cumulated, self._draws.uniform()).clamp(max=len(self._numbers) - 1)
        index = self._numbers[drawn]
        rows, columns = self._geometry(self.store.shape[index])
        image, hard, soft = self.store.read(index, rows, columns, self._reflect)
        return self._intensity(image, self.store.colour[index].float()), hard, soft
