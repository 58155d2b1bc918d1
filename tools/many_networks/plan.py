"""Reads a plan: which networks are trained, each from what and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.errors import ConfigError, reason_of
from monai_lwmisn.files import parse_json


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network of a plan.

    Attributes:
        name: of the files that are written, in letters, digits, ``_``, ``.`` and ``-``.
        cache: name of a cache, without its suffix.
        genotype: path of a genotype file, relative to the plan.
        parts: the parts of the split to learn from.
        without_chunk: the chunk of the training part that is left out; None for none.
        augmentation: see :func:`tools.many_networks.augment.options_of`.
        batch: images of a step.
        crop: side of an image of a step in pixels.
        learning_rate: the highest.
        soft_labels: name of a file of soft labels among the caches, without its suffix; None for hard labels alone.
        soft_share: of the soft labels in the target of the cross-entropy, 0 to 1.
        seed: of the initial weights.
        process: number of the process that trains it, see ``--processes``. Networks of one process take the same
            number of steps.
    """

    name: str
    cache: str
    genotype: str
    parts: tuple[str, ...]
    augmentation: str | Mapping[str, Any]
    batch: int
    crop: int
    learning_rate: float
    without_chunk: int | None = None
    soft_labels: str | None = None
    soft_share: float = 0.0
    seed: int = 0
    process: int = 0


def read_plan(path: Path) -> list[Entry]:
    """Read the entries of a plan, with absolute paths of their genotypes.

    Raises:
        ConfigError: the file is no JSON list of entries, or an entry is wrong.
    """
    try:
        rows = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({reason_of(error)}): give a plan.") from error
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{path} is no plan: give a JSON list of objects, one for each network.")
    entries = [_entry(path, number, row) for number, row in enumerate(rows, 1)]
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{path} has {twice[0]} twice: give each network a name of its own.")
    return entries


def _entry(path: Path, number: int, row: dict[str, Any]) -> Entry:
    known = {field.name for field in fields(Entry)}
    needed = {field.name for field in fields(Entry) if field.default is MISSING}
    missing, unknown = sorted(needed - set(row)), sorted(set(row) - known)
    if missing or unknown:
        raise ConfigError(f"Entry {number} of {path} has wrong keys: missing {missing}, unknown {unknown}.")
    genotype = str((path.parent / row["genotype"]).resolve())
    entry = Entry(**{**row, "parts": tuple(row["parts"]), "genotype": genotype})
    if not re.fullmatch(r"[\w.-]+", entry.name):
        raise ConfigError(f"Entry {number} of {path} is named {entry.name!r}: use letters, digits, _ . and -.")
    if not entry.parts or not set(entry.parts) <= set(PARTS):
        raise ConfigError(f"{entry.name} of {path} learns from {list(entry.parts)}: name some of {', '.join(PARTS)}.")
    return entry
