"""Data set formats by name, and paths that hold no data."""

from pathlib import Path

import pytest

from monai_lwmisn.data.datasets import DATASETS, find_dataset_format, read_dataset
from monai_lwmisn.errors import ConfigError, DataError


def test_an_unknown_format_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="no data set format 'promise': the nearest is 'promise12'"):
        find_dataset_format("promise")


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_missing_empty_and_foreign_folders_are_refused(tmp_path: Path, dataset: str) -> None:
    with pytest.raises(DataError, match="nowhere does not exist: give"):
        read_dataset(dataset, tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="empty is empty"):
        read_dataset(dataset, empty)
    (empty / "readme.txt").write_text("no data")
    with pytest.raises(DataError, match=r"looks like the format|dataset\.json"):
        read_dataset(dataset, empty)


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_a_file_that_is_no_data_set_is_refused(tmp_path: Path, dataset: str) -> None:
    file = tmp_path / "data.zip"
    file.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"data\.zip"):
        read_dataset(dataset, file)
