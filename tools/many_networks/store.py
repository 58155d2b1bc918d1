"""Holds a cache on the device: all planes in one flat tensor, from which any positions are read in one step."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from monai_lwmisn.errors import DataError
from tools.many_networks.cache import Cache, Case


class Store:
    """The samples of a cache: its pictures, or the slices of its volumes with their neighbours as channels.

    Args:
        cache: the cases.
        slices: neighbouring slices that are the channels of a sample, an odd number; 1 for pictures.
        device: where the tensors are.

    Attributes:
        cache, device: as given.
        cases: by name.
        numbers: by name of a case, the numbers of its samples; those of a volume in the order of its slices.
        shape: int64 (N, 2), size of each sample in x and y.
        colour: bool (N,), whether a sample is a coloured picture.
        soft: uint8 (K, length of all labels), probability of each class where 255 is 1; None without soft labels.
    """

    def __init__(self, cache: Cache, slices: int, device: torch.device) -> None:
        self.device, self.cache, self.classes, self.volumetric = device, cache, cache.classes, cache.volumetric
        self.channels = slices if cache.volumetric else cache.in_channels
        self.cases: dict[str, Case] = {case.name: case for case in cache.cases}
        self.numbers: dict[str, list[int]] = {}
        starts: list[list[int]] = []
        label_starts, shapes, colours = [], [], []
        place = label_place = 0
        for case in cache.cases:
            depth, size = len(case.label), case.label[0].size
            self.numbers[case.name] = list(range(len(starts), len(starts) + depth))
            for z in range(depth):
                starts.append([place + plane * size for plane in self._planes(case, z)])
                label_starts.append(label_place + z * size)
                shapes.append(case.label.shape[1:])
                colours.append(len(case.image) > 1 and not cache.volumetric)
            place, label_place = place + case.image.size, label_place + case.label.size
        self._image = torch.from_numpy(np.concatenate([case.image.ravel() for case in cache.cases])).to(device)
        self._label = torch.from_numpy(np.concatenate([case.label.ravel() for case in cache.cases])).to(device)
        self._start = torch.tensor(starts, dtype=torch.int64, device=device)
        self._label_start = torch.tensor(label_starts, dtype=torch.int64, device=device)
        self.shape = torch.tensor(shapes, dtype=torch.int64, device=device)
        self.colour = torch.tensor(colours, device=device)
        self.soft: torch.Tensor | None = None

    def _planes(self, case: Case, z: int) -> list[int]:
        """Return the planes of a case that are the channels of its sample z; beyond an end, the last one again."""
        first = z - self.channels // 2 if self.volumetric else 0
        return [min(max(first + channel, 0), len(case.image) - 1) for channel in range(self.channels)]

    def weights(self, names: Sequence[str]) -> list[float]:
        """Return how often each sample of some cases is drawn, relative to the others.

        A slice without foreground counts half. A picture of a stratum with n of these pictures counts n ** -0.5, as
        with ``train.balance_strata`` of 0.5.
        """
        cases = [self.cases[name] for name in names]
        if self.volumetric:
            return [1.0 if plane.any() else 0.5 for case in cases for plane in case.label]
        counts = Counter(case.stratum for case in cases)
        return [counts[case.stratum] ** -0.5 for case in cases]

    def read_soft_labels(self, path: Path) -> None:
        """Take soft labels from a .npz file: by case, uint8 ([K,] [z,] x, y) with the probability 1 as 255.

        A case without any gets its hard label. Cases that are not in the cache are passed over.

        Raises:
            DataError: the file cannot be read, or a map is not of the size of its case.
        """
        soft = torch.stack([(self._label == k + 1).to(torch.uint8) * 255 for k in range(self.classes)])
        try:
            with np.load(path) as file:
                maps = {case: file[case] for case in file.files if case in self.cases}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} cannot be read as soft labels: give a .npz with one map per case.") from error
        for case, values in maps.items():
            start, size = int(self._label_start[self.numbers[case][0]]), self.cases[case].label.size
            if values.dtype != np.uint8 or values.size != self.classes * size:
                raise DataError(
                    f"{path} has {case} as {values.dtype} of {values.shape}: give uint8 of the size of the cached case."
                )
            soft[:, start : start + size] = torch.from_numpy(values.reshape(self.classes, size)).to(self.device)
        self.soft = soft

    def image(self, number: int) -> torch.Tensor:
        """Return one sample, float32 (C, x, y)."""
        x, y = self.shape[number].tolist()
        planes = [self._image[start : start + x * y] for start in self._start[number].tolist()]
        return self._values(torch.stack(planes).reshape(self.channels, x, y).float())

    def read(
        self, index: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, reflect: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Read samples at any positions, bilinearly.

        Args:
            index: int64 (B,), numbers of samples.
            rows: float32 (B, S, S), positions along x in pixels; 0 is the centre of the first pixel.
            columns: float32 (B, S, S), positions along y.
            reflect: whether the image goes on mirrored beyond its borders, otherwise with its last pixels.

        Returns:
            The image (B, C, S, S), the classes as maps of 0 and 1 (B, K, S, S), and the soft labels of 0 to 1
            (B, K, S, S) or None.
        """
        height, width = (self.shape[index, axis].view(-1, 1, 1) for axis in (0, 1))
        rows, columns = _inside(rows, height, reflect), _inside(columns, width, reflect)
        top, left = rows.floor().clamp(min=0), columns.floor().clamp(min=0)
        down, right = (rows - top).unsqueeze(1), (columns - left).unsqueeze(1)
        top, left = top.long(), left.long()
        below, beside = torch.minimum(top + 1, height - 1), torch.minimum(left + 1, width - 1)
        corners = [
            (top * width + left, (1 - down) * (1 - right)),
            (top * width + beside, (1 - down) * right),
            (below * width + left, down * (1 - right)),
            (below * width + beside, down * right),
        ]
        start, label_start = self._start[index][:, :, None, None], self._label_start[index][:, None, None]
        images, hards, softs = [], [], []
        for position, weight in corners:
            images.append(self._image[start + position.unsqueeze(1)].float() * weight)
            place = position + label_start
            label = self._label[place]
            hards.append(torch.stack([label == k + 1 for k in range(self.classes)], 1).float() * weight)
            if self.soft is not None:
                softs.append(self.soft[:, place].movedim(0, 1).float() * (weight / 255))
        return self._values(sum(images)), _most_probable(sum(hards)), sum(softs) if softs else None

    def _values(self, stored: torch.Tensor) -> torch.Tensor:
        low, high = self.cache.scale
        return stored / 255 * (high - low) + low


def _most_probable(maps: torch.Tensor) -> torch.Tensor:
    """Return maps of 0 and 1 (B, K, S, S) of the class, or background, that has most of each pixel."""
    if maps.shape[1] == 1:
        return (maps > 0.5).float()
    best = torch.cat([1 - maps.sum(1, keepdim=True), maps], 1).argmax(1, keepdim=True)
    return torch.cat([best == k + 1 for k in range(maps.shape[1])], 1).float()


def _inside(position: torch.Tensor, length: torch.Tensor, reflect: bool) -> torch.Tensor:
    """Return positions between 0 and the last pixel."""
    last = (length - 1).to(position.dtype)
    if reflect:
        period = 2 * last.clamp(min=1)
        position = position.remainder(period)
        position = torch.minimum(position, period - position)
    return torch.minimum(position.clamp(min=0), last)
