"""The inputs of a configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from monai_lwmisn.light.inputs import find_inputs

__all__ = ["Inputs"]


class Inputs(Sequence):
    """The datalist of :func:`~monai_lwmisn.light.inputs.find_inputs`, searched for when it is first used.

    A server builds all of a bundle's configuration and brings images of its own: it needs no folder.

    Args:
        paths: see :func:`~monai_lwmisn.light.inputs.find_inputs`.
        volumetric: see :func:`~monai_lwmisn.light.inputs.find_inputs`.
        in_channels: see :func:`~monai_lwmisn.light.inputs.find_inputs`.
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        volumetric: bool,
        in_channels: int | None = None,
    ) -> None:
        self.paths, self.volumetric, self.in_channels = paths, volumetric, in_channels

    @cached_property
    def _found(self) -> list[dict]:
        return find_inputs(self.paths, self.volumetric, self.in_channels)

    def __getitem__(self, index: Any) -> Any:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)
