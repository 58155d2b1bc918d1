"""What takes long shares the processor with other programs."""

import os
from pathlib import Path

import pytest

from tests.cli.commands import lwmisn


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
@pytest.mark.parametrize("command", ["train RUN", "search --out RUN", "segment RUN RUN -o RUN"])
def test_waiting_threads_sleep_soon_unless_the_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, given: dict[str, str], expected: str | None
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "to be put back")
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert lwmisn(*command.replace("RUN", str(tmp_path / "run")).split()).code == 2
    assert os.environ.get("GOMP_SPINCOUNT") == expected
