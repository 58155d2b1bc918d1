"""What a row of the table of inputs is, and how an outcome is compared with what an independent reader says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TENTH = 0.1
"""Of a voxel: how far a position may be from where the independent reader has it."""


@dataclass(frozen=True)
class Volume:
    """Values at positions.

    Args:
        values: (voxel,) or (voxel, channel).
        positions: (voxel, 3) in mm towards right, anterior and superior.
        tolerance: of the values, absolute; for files whose compression loses some.
    """

    values: np.ndarray
    positions: np.ndarray
    tolerance: float = 0.0

    @classmethod
    def of_grid(cls, voxels: np.ndarray, affine: np.ndarray, tolerance: float = 0.0) -> Volume:
        """A volume (x, y, z) or (x, y, z, channel) and its affine (4, 4)."""
        index = np.indices(voxels.shape[:3]).reshape(3, -1)
        positions = (affine[:3, :3] @ index + affine[:3, 3:]).T
        return cls(voxels.reshape(index.shape[1], *voxels.shape[3:]), positions, tolerance)

    def check_places(self, shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
        """Compare the positions with those of a grid (x, y, z); returns the index (3, voxel) of each."""
        assert len(self.positions) == np.prod(shape), f"{len(self.positions)} voxels, read {shape}"
        exact = (np.linalg.inv(affine) @ np.c_[self.positions, np.ones(len(self.positions))].T)[:3]
        index = np.rint(exact).astype(int)
        assert np.abs(exact - index).max() < TENTH, f"{np.abs(exact - index).max():.3g} voxels away"
        assert (index >= 0).all() and (index < np.reshape(shape, (3, 1))).all(), "positions outside of the volume"
        assert len(np.unique(index, axis=1).T) == index.shape[1], "two positions in one voxel"
        return index

    def check(self, image: np.ndarray, affine: np.ndarray) -> None:
        """Compare with what was read: (channel, x, y, z) and its affine."""
        index = self.check_places(image.shape[1:], affine)
        values = self.values.reshape(len(self.values), -1).T
        np.testing.assert_allclose(image[(slice(None), *index)], values, rtol=1e-5, atol=max(self.tolerance, 1e-4))


@dataclass(frozen=True)
class Picture:
    """A picture (height, width) in grey or (height, width, 3), from 0 to 255.

    Args:
        values: the values.
        tolerance: of the values, absolute.
    """

    values: np.ndarray
    tolerance: float = 0.01

    def check(self, image: np.ndarray) -> None:
        """Compare with what was read: (3, x, y)."""
        values = self.values if self.values.ndim == 3 else np.repeat(self.values[..., None], 3, axis=2)
        np.testing.assert_allclose(image.transpose(2, 1, 0), values, atol=self.tolerance)


@dataclass(frozen=True)
class Refused:
    """The input is refused, with a sentence that has these words.

    Args:
        words: a regular expression.
    """

    words: str


@dataclass(frozen=True)
class Row:
    """An input.

    Args:
        kind: its format, such as ``DICOM``.
        name: what is special about it.
        make: writes it into an empty folder and returns the path to read.
        says: what an independent reader makes of that path, or why it has to be refused.
        remark: words of the warning without which it would not be right, as a regular expression.
        channels: that the network takes.
    """

    kind: str
    name: str
    make: Callable[[Path], Path]
    says: Callable[[Path], Volume | Picture | np.ndarray] | Refused
    remark: str = ""
    channels: int = 1

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"
