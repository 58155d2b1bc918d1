"""Draws where a crop reads its image: zoom, turn, mirror, shift and elastic deformation as one map of positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F

from tools.many_networks.draws import Draws


class Geometry:
    """Random positions of the pixels of crops.

    Args:
        options: of :data:`tools.many_networks.augment.DEFAULTS`.
        draws: for the batch.
        crop: side S of a crop in pixels.
    """

    def __init__(self, options: Mapping[str, Any], draws: Draws, crop: int) -> None:
        self.options, self.draws, self.crop = options, draws, crop
        axis = torch.arange(crop, device=draws.device, dtype=torch.float32) - (crop - 1) / 2
        self._rows, self._columns = axis.view(1, -1, 1), axis.view(1, 1, -1)

    def __call__(self, shape: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the positions along x and along y, each (B, S, S), in pixels of images of a size (B, 2)."""
        o, draws = self.options, self.draws
        zoom = draws.log_uniform(low=o["zoom"][0], high=o["zoom"][1])
        aspect = torch.exp(draws.uniform(low=-o["aspect"], high=o["aspect"]))
        step_x, step_y = 1 / (zoom * aspect), aspect / zoom
        angle = self._angle()
        mirror_x, mirror_y = (1 - 2 * draws.chance(probability=0.5) if axis in o["flips"] else 1.0 for axis in (0, 1))
        along_x = self._rows * (step_x * mirror_x).view(-1, 1, 1)
        along_y = self._columns * (step_y * mirror_y).view(-1, 1, 1)
        rows = along_x * torch.cos(angle) - along_y * torch.sin(angle)
        columns = along_x * torch.sin(angle) + along_y * torch.cos(angle)
        if o["elastic"] > 0:
            field = self._field()
            rows, columns = rows + field[:, 0], columns + field[:, 1]
        size = shape.float()
        return rows + self._centre(size[:, 0], step_x), columns + self._centre(size[:, 1], step_y)

    def _angle(self) -> torch.Tensor:
        """Return an angle (B, 1, 1) in radians."""
        o, draws = self.options, self.draws
        turned = draws.chance(probability=o["rotate_prob"])
        angle = draws.uniform(low=-o["rotate"], high=o["rotate"]) * turned
        if o["quarters"]:
            angle = draws.uniform(high=4).floor() * (math.pi / 2)
        return angle.view(-1, 1, 1)

    def _field(self) -> torch.Tensor:
        """Return displacements (B, 2, S, S) in pixels, smooth between random ones at 5 x 5 points."""
        o, draws = self.options, self.draws
        strength = draws.chance(1, 1, 1, probability=o["elastic_prob"]) * draws.uniform(1, 1, 1) * o["elastic"]
        coarse = draws.uniform(2, 5, 5, low=-1, high=1) * strength
        return F.interpolate(coarse, size=(self.crop, self.crop), mode="bicubic", align_corners=True)

    def _centre(self, length: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        """Return the centre (B, 1, 1) of crops along an axis: inside the image, or shifted where the crop is larger."""
        slack = torch.maximum((length - self.crop * step) / 2, self.options["shift"] * length)
        return ((length - 1) / 2 + self.draws.uniform(low=-1, high=1) * slack).view(-1, 1, 1)
