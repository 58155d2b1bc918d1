"""`lwmisn compare`."""

from pathlib import Path

import pytest

from tests.cli.commands import is_one_sentence, lwmisn


def test_a_comparison_with_a_network_that_failed_ends_with_code_1(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = {"unet": "seed 0: no room"}
    monkeypatch.setattr("monai_lwmisn.studies.compare.Comparison.run", lambda self, entrants: failures)
    command = ["compare", "--preset", "nuclei", "--data", data, "--out", tmp_path / "out", "--models", "unet,unext_s"]
    outcome = lwmisn(*command)
    assert outcome.code == 1 and "1 of 2 networks failed: unet" in outcome.err and is_one_sentence(outcome.err)
    assert lwmisn(*command).code == 2
    failures.clear()
    assert lwmisn(*command, "--resume").code == 0
