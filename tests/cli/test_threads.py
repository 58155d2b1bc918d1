"""Searches and trainings share the processor with other programs."""

import os
from pathlib import Path

import pytest

from tests.cli.commands import lwmisn


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
@pytest.mark.parametrize("command", [["train"], ["search", "--out"]])
def test_waiting_threads_sleep_soon_unless_the_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], given: dict[str, str], expected: str | None
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "to be put back")
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert lwmisn(*command, tmp_path / "run").code == 2
    assert os.environ.get("GOMP_SPINCOUNT") == expected
