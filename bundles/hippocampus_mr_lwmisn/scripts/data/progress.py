"""A progress bar over what is looked through, where there is a terminal to show it in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from monai.utils import optional_import

tqdm, has_tqdm = optional_import("tqdm", name="tqdm")

Thing = TypeVar("Thing")


def shown(things: Collection[Thing], description: str, unit: str, progress: bool = True) -> Iterable[Thing]:
    """The things, one by one, with a bar that says how many are done; silent outside a terminal and without tqdm."""
    if not (progress and has_tqdm):
        return things
    return tqdm(things, desc=description, unit=unit, disable=None, leave=False)
