"""Changes the values of images at random: stain, sharpness, contrast, brightness, colour and noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F

from tools.many_networks.draws import Draws

STAINS = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))
"""Optical densities of haematoxylin, eosin and DAB in red, green and blue (Ruifrok and Johnston 2001)."""


class Intensity:
    """Random changes of values.

    Args:
        options: of :data:`tools.many_networks.augment.DEFAULTS`.
        draws: for the batch.
    """

    def __init__(self, options: Mapping[str, Any], draws: Draws) -> None:
        self.options, self.draws = options, draws
        self._stains = torch.tensor(STAINS, device=draws.device)
        self._unstain = torch.linalg.inv(torch.tensor(STAINS)).to(draws.device)
        self._taps = torch.arange(-3, 4, device=draws.device, dtype=torch.float32).view(1, -1)

    def __call__(self, x: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
        """Return changed images (B, C, S, S).

        Args:
            x: images (B, C, S, S).
            colour: (B,), 1 for a coloured picture, otherwise 0.
        """
        o = self.options
        if o["stain"] > 0:
            x = self._stain(x, colour.view(-1, 1, 1, 1))
        if o["blur_prob"] > 0:
            x = torch.lerp(x, self._blur(x), self._chance("blur"))
        if o["low_prob"] > 0:
            half = F.interpolate(F.avg_pool2d(x, 2), size=x.shape[2:], mode="bilinear", align_corners=False)
            x = torch.lerp(x, half, self._chance("low") * self._factor("low"))
        x, span = self._gamma(x)
        if o["contrast_prob"] > 0:
            mean = x.mean((1, 2, 3), keepdim=True)
            x = torch.lerp(x, (x - mean) * self._factor("contrast") + mean, self._chance("contrast"))
        if o["brightness_prob"] > 0:
            x = torch.lerp(x, x * self._factor("brightness"), self._chance("brightness"))
        if o["offset_prob"] > 0:
            offset = self._chance("offset") * self.draws.uniform(1, 1, 1, low=-o["offset"], high=o["offset"])
            x = x + offset * span
        if o["channel"] > 0:
            x = self._channels(x)
        if o["noise_prob"] > 0:
            noise = torch.randn_like(x)
            x = x + noise * (self._chance("noise") * self.draws.uniform(1, 1, 1) * o["noise"]) * span
        return x

    def _chance(self, name: str) -> torch.Tensor:
        return self.draws.chance(1, 1, 1, probability=self.options[f"{name}_prob"])

    def _factor(self, name: str) -> torch.Tensor:
        low, high = self.options[name]
        return self.draws.uniform(1, 1, 1, low=low, high=high)

    def _gamma(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Raise each image's values, scaled to 0 to 1, to a power; also of the inverted image. Return its range too."""
        low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
        span = (high - low).clamp(min=1e-3)
        unit = ((x - low) / span).clamp(0, 1)
        for name, inverted in (("gamma", False), ("invert_gamma", True)):
            if self.options[f"{name}_prob"] > 0:
                lowest, highest = self.options["gamma"]
                power = self.draws.log_uniform(1, 1, 1, low=lowest, high=highest)
                changed = ((1 - unit) if inverted else unit).clamp(min=1e-6) ** power
                unit = torch.lerp(unit, 1 - changed if inverted else changed, self._chance(name))
        return unit * span + low, span

    def _channels(self, x: torch.Tensor) -> torch.Tensor:
        """Scale and shift each channel by itself."""
        most, count = self.options["channel"], x.shape[1]
        factor = self.draws.uniform(count, 1, 1, low=1 - most, high=1 + most)
        offset = self.draws.uniform(count, 1, 1, low=-most / 2, high=most / 2)
        x = torch.lerp(x, x * factor, self._chance("channel"))
        return x + self._chance("channel") * offset

    def _blur(self, x: torch.Tensor) -> torch.Tensor:
        """Blur with a Gaussian of a random sigma in pixels, cut off after three pixels."""
        low, high = self.options["blur"]
        kernel = torch.exp(-0.5 * (self._taps / self.draws.uniform(1, low=low, high=high)) ** 2)
        kernel = kernel / kernel.sum(1, keepdim=True)
        for axis, pad in ((2, (0, 0, 3, 3)), (3, (3, 3, 0, 0))):
            padded, length = F.pad(x, pad, mode="replicate"), x.shape[axis]
            x = sum(kernel[:, tap].view(-1, 1, 1, 1) * padded.narrow(axis, tap, length) for tap in range(7))
        return x

    def _stain(self, x: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
        """Change the amounts of the stains of coloured pictures, and make some of them grey.

        The prepared pictures have a dark background, so their optical density is that of 1 - x.
        """
        most = self.options["stain"]
        density = -torch.log((1 - x).clamp(0.02, 1))
        amount = torch.einsum("bchw,cs->bshw", density, self._unstain)
        amount = amount * self.draws.uniform(3, 1, 1, low=1 - most, high=1 + most)
        amount = amount + self.draws.uniform(3, 1, 1, low=-most / 5, high=most / 5)
        changed = (1 - torch.exp(-torch.einsum("bshw,sc->bchw", amount, self._stains))).clamp(0, 1)
        x = torch.lerp(x, changed, self._chance("stain") * colour)
        grey = x.mean(1, keepdim=True).expand_as(x)
        return torch.lerp(x, grey, self._chance("grey") * self.draws.uniform(1, 1, 1) * colour)
