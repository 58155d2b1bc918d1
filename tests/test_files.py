"""Files are written whole or not at all, and a place that cannot be written to is found out first."""

from pathlib import Path

import pytest

from monai_lwmisn.errors import CheckpointError, ConfigError
from monai_lwmisn.files import check_writable, write_atomically


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    write_atomically(b"old", file)
    (tmp_path / "figures.json.partial").symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match="figures.json cannot be written .No space left on device.; .* intact"):
        write_atomically(b"new", file)
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder .*missing: make it"):
        check_writable(tmp_path / "missing" / "figures.json")
    with pytest.raises(ConfigError, match="is a folder: give the name of a file"):
        check_writable(tmp_path)
    check_writable(tmp_path / "figures.json")
    assert not list(tmp_path.iterdir())
