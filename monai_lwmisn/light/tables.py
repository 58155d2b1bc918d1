"""Writes the measures of many images as CSV: a row for each image and class, and beside it one for each object."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .files import check_writable, write_named
from .measures import Measures, Rows

BEGINNINGS = (b"image,mask,class,objects,", b"image,mask,object,class,")
"""The headers of the two tables."""

__all__ = ["ResultTable"]


class ResultTable:
    """The table of one call, and ``NAME_objects.csv`` beside it where objects are numbered.

    Args:
        path: the table, whose name ends with .csv. It replaces one of an earlier call.
        next_free_name: take ``NAME_2.csv`` and so on where another file has the name.

    Attributes:
        path: the table that is written.

    Raises:
        ConfigError: it has another ending, its folder is missing or read-only, or another file has its name.
    """

    def __init__(self, path: Path, next_free_name: bool = False) -> None:
        if path.suffix.lower() != ".csv":
            raise ConfigError(f"{path} is no name of a table: give one that ends with .csv.")
        self.path = path
        for number in count(2):
            try:
                for one in (self.path, self._of_objects):
                    check_writable(one, _is_table)
                break
            except ConfigError:
                if not (next_free_name and (self.path.is_file() or self._of_objects.is_file())):
                    raise
            self.path = path.with_name(f"{path.stem}_{number}{path.suffix}")
        self._classes: list[dict[str, Any]] = []
        self._objects: list[tuple[dict[str, Path], Rows]] = []

    @property
    def _of_objects(self) -> Path:
        return self.path.with_name(f"{self.path.stem}_objects{self.path.suffix}")

    def add(self, image: Path, mask: Path, measures: Measures, others: Mapping[str, Any]) -> None:
        """Add the rows of an image.

        Args:
            image: the input.
            mask: its mask.
            measures: of the mask.
            others: columns behind those of each class.
        """
        names = {"image": image, "mask": mask}
        self._classes += [{**names, **row, **others} for row in measures.classes]
        if len(measures.objects):
            self._objects.append((names, measures.objects))

    def write(self) -> None:
        """Write both tables; nothing where no image was added. Without objects, an earlier table of them is removed.

        Raises:
            CheckpointError: one cannot be written.
        """
        if not self._classes:
            return
        write_named(_csv(self._classes), self.path)
        if self._objects:
            rows = ({**names, **row} for names, objects in self._objects for row in objects)  # millions, perhaps
            write_named(_csv(rows), self._of_objects)
        else:
            self._of_objects.unlink(missing_ok=True)


def _is_table(content: bytes) -> bool:
    return content.startswith(BEGINNINGS)


def _csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    content = io.BytesIO()
    text = io.TextIOWrapper(content, "utf-8", "backslashreplace", newline="")
    rows = iter(rows)
    first = next(rows)
    writer = csv.DictWriter(text, list(first), lineterminator="\n")
    writer.writeheader()
    for row in chain([first], rows):
        writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
    text.flush()
    return content.getvalue()
