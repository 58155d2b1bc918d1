"""Which images an evaluation looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from monai_lwmisn.data import check_data, select_parts
from monai_lwmisn.data.datalist import PARTS, Datalist
from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.errors import ConfigError

__all__ = ["evaluation_items"]


def evaluation_items(
    datalist: Callable[[], Datalist],
    split: str,
    layout: str,
    other_data: str | None = None,
    label_values: Iterable[int | str] | None = None,
) -> list[Item]:
    """
    The items of one part of a run's datalist, of all parts, or of another data set.

    Args:
        datalist: gives the run's datalist; not called when there is other data.
        split: ``training``, ``validation``, ``test`` or ``all``.
        layout: name of the raw data layout of the other data.
        other_data: folder or archive of another data set, all of which is taken; None or "" for the run's own.
        label_values: the classes that the labels of other data may hold, see :func:`check_data`.

    Raises:
        ConfigError: for another name of a part.
        DataError: when the datalist cannot be read, or anything is wrong with the other data.
    """
    if other_data:
        report = check_data(layout, other_data, label_values=label_values)
        report.raise_for_problems()
        return report.items
    if split not in (*PARTS, "all"):
        raise ConfigError(f"There is no split {split!r}: use one of {', '.join(PARTS)} or all.")
    return select_parts(datalist(), *(PARTS if split == "all" else (split,)))
