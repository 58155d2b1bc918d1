"""The folder in which a large picture is in work: what is done of it, so that a run that was ended goes on.

Needs zarr.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_atomically, write_json

JOB = "job.json"

FOLDER = ".partial.{}.work"
"""The name of the folder, with that of the mask in it."""

__all__ = ["Work", "folder_beside", "is_in_work"]


def folder_beside(mask: Path) -> Path:
    """Return the folder in which the picture of a mask is in work."""
    return mask.with_name(FOLDER.format(mask.name))


def is_in_work(folder: Path) -> bool:
    """Return whether a large picture was begun whose masks go to a folder, and not finished."""
    return any(folder.glob(FOLDER.format("*")))


class Work:
    """The folder of one picture. Several processes may work in it on different windows.

    Args:
        path: the folder.
        shape: height and width of the picture.
        core: side of a chunk of the arrays, so that no two windows write to one file.
    """

    def __init__(self, path: Path, shape: tuple[int, int], core: int) -> None:
        import zarr

        self.path, self._shape, self._core = path, shape, core
        self._zarr = zarr

    def begin(self, job: Mapping[str, Any]) -> None:
        """Keep what was done of the same job, and begin anew where the folder has another one or none.

        Args:
            job: all that the result depends on, as JSON.
        """
        file = self.path / JOB
        if not file.is_file() or json.loads(file.read_text(encoding="utf-8")) != json.loads(json.dumps(job)):
            self.remove()
            write_json(job, file)

    def array(self, name: str, dtype: str, shape: tuple[int, ...] | None = None) -> Any:
        """Return an array on disk, which is made where there is none. It is written to in chunks."""
        shape = self._shape if shape is None else shape
        path = self.path / f"{name}.zarr"
        if path.is_dir():
            return self._zarr.open_array(path, mode="r+")
        partial = self.path / f"{name}.partial.zarr"
        chunks = tuple(min(self._core, length) for length in shape)
        self._zarr.create_array(partial, shape=shape, chunks=chunks, dtype=dtype, overwrite=True)
        partial.rename(path)
        return self._zarr.open_array(path, mode="r+")

    def is_done(self, step: str, name: str = "all") -> bool:
        """Return whether a part of a step is done."""
        return self._file(step, name).is_file()

    def count(self, step: str) -> int:
        """Return how many parts of a step are done."""
        folder = self.path / step
        return sum(file.suffix == ".npz" for file in folder.iterdir()) if folder.is_dir() else 0

    def finish(self, step: str, name: str = "all", **values: np.ndarray) -> None:
        """Note that a part of a step is done, and keep some arrays of it."""
        content = io.BytesIO()
        np.savez_compressed(content, **values)  # type: ignore[arg-type]
        write_atomically(content.getvalue(), self._file(step, name))

    def result(self, step: str, name: str = "all") -> dict[str, np.ndarray]:
        """Return the arrays that a part of a step has kept."""
        with np.load(self._file(step, name), allow_pickle=False) as kept:
            return dict(kept)

    def results(self, step: str, names: Iterable[str]) -> Iterable[dict[str, np.ndarray]]:
        """Return those of several parts, one after the other."""
        return (self.result(step, name) for name in names)

    def remove(self) -> None:
        """Remove the folder."""
        if self.path.exists():
            shutil.rmtree(self.path)

    def _file(self, step: str, name: str) -> Path:
        return self.path / step / f"{name}.npz"
