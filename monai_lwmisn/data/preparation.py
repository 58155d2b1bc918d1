"""From a path the user gives to the datalist of a run: checked, split and written down once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import ignite.distributed as idist

from monai_lwmisn.data.data_report import check_data
from monai_lwmisn.data.datalist import Datalist, read_datalist, write_datalist
from monai_lwmisn.data.splits import split_datalist


def prepare_datalist(
    file: str | os.PathLike[str] | None,
    layout: str,
    path: str | os.PathLike[str],
    *,
    split_by: str,
    test_fraction: float,
    validation_fraction: float,
    seed: int,
    folds: int | None = None,
    fold: int = 0,
    label_values: Iterable[int | str] | None = None,
) -> Datalist:
    """The datalist of a run: read where the run has one, otherwise made from the raw data and written.

    Args:
        file: the run's datalist.json; None to make the datalist anew each time and write nothing.
        layout: a name in ``LAYOUTS``.
        path: the folder or archive as downloaded.
        split_by, test_fraction, validation_fraction, seed, folds, fold: as for :func:`split_datalist`.
        label_values: as for :func:`check_data`.

    Raises:
        DataError: anything is wrong with the data; nothing is written then.
        SplitError: there are too few cases for three parts.
    """
    if file is not None and Path(file).is_file():
        return read_datalist(file)
    report = check_data(layout, path, label_values=label_values)
    report.raise_for_problems()
    datalist = split_datalist(
        report.items,
        by=split_by,
        test_fraction=test_fraction,
        validation_fraction=validation_fraction,
        seed=seed,
        folds=folds,
        fold=fold,
    )
    if file is not None and idist.get_rank() == 0:
        write_datalist(datalist, file)
    return datalist
