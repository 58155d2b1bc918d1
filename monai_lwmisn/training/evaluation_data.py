"""Selects the images of an evaluation, and the settings that depend on the selection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monai.transforms import CopyItemsd, LoadImaged

from monai_lwmisn.data import check_data, select_parts
from monai_lwmisn.data.datalist import PARTS, Datalist
from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.readers import LabelReader

__all__ = ["evaluation_items", "load_true_instances", "slice_smoothing_of"]


def evaluation_items(
    datalist: Callable[[], Datalist],
    split: str,
    dataset: str,
    *,
    data: Mapping[str, Any],
    other_data: str | None = None,
) -> list[Item]:
    """Return the items of one part of a run's datalist, of all parts, or of another data set.

    Args:
        datalist: function that returns the run's datalist; it is not called if there is other data.
        split: ``training``, ``validation``, ``test`` or ``all``.
        dataset: format of the other data.
        data: see :func:`check_data`.
        other_data: folder or zip of another data set, which is taken as a whole; None for the run's own data.

    Raises:
        ConfigError: there is no such part.
        DataError: the datalist cannot be read, or the other data have a problem.
    """
    if other_data:
        report = check_data(dataset, other_data, data, learned=False)
        report.raise_for_problems()
        report.warn()
        return report.items
    if split not in (*PARTS, "all"):
        raise ConfigError(f"There is no split {split!r}: use one of {', '.join(PARTS)} or all.")
    return select_parts(datalist(), PARTS if split == "all" else (split,))


def load_true_instances(instances: bool) -> list[Callable]:
    """Return the transforms that load the numbered true objects as ``true_instances``; an empty list if False."""
    if not instances:
        return []
    return [
        CopyItemsd("label", names="true_instances"),
        LoadImaged("true_instances", reader=LabelReader(instances=True), ensure_channel_first=True),  # type: ignore[arg-type]
    ]


def slice_smoothing_of(items: Sequence[Item], sigma: float) -> float:
    """Return ``sigma``, or 0 if the items are single slices, which have no neighbours to be smoothed with."""
    return 0.0 if any("slices" in item for item in items) else sigma
