"""Makes the datalist of a run: checks the data, splits them and writes the file once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist

from monai_lwmisn.data.data_report import check_data
from monai_lwmisn.data.datalist import Datalist, read_datalist, write_datalist
from monai_lwmisn.data.part_sizes import warn_of_few_cases
from monai_lwmisn.data.splits import split_datalist
from monai_lwmisn.errors import FigureWarning


def prepare_datalist(
    file: str | os.PathLike[str] | None,
    dataset: str,
    path: str | os.PathLike[str],
    *,
    data: Mapping[str, Any],
    split_by: str,
    test_fraction: float,
    validation_fraction: float,
    seed: int,
    folds: int | None = None,
    fold: int = 0,
    group_by: str | None = None,
) -> Datalist:
    """Return the datalist of a run, read from its file, or made from the raw data and then written.

    What was assumed about files is said as :class:`~monai_lwmisn.errors.InputWarning`, parts of too few cases as
    :class:`~monai_lwmisn.errors.FigureWarning`.

    Args:
        file: the run's datalist.json; None makes a new datalist each time and writes nothing.
        dataset: a name in ``DATASETS``.
        path: the folder or zip as downloaded.
        data: as for :func:`check_data`.
        group_by: see :func:`~monai_lwmisn.data.groups.group_items`.
        split_by, test_fraction, validation_fraction, seed, folds, fold: as for :func:`split_datalist`.

    Raises:
        DataError: the data have a problem; nothing is written then.
        SplitError: there are too few cases for three parts.
    """
    if file is not None and Path(file).is_file():
        return _said(read_datalist(file))
    report = check_data(dataset, path, {**data, "group_by": group_by})
    report.raise_for_problems()
    report.warn()
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
    return _said(datalist)


def _said(datalist: Datalist) -> Datalist:
    if (sentence := warn_of_few_cases(datalist)) is not None:
        warnings.warn(sentence, FigureWarning, stacklevel=3)
    return datalist
