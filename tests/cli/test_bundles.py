"""`lwmisn bundle`."""

from pathlib import Path

from tests.cli.commands import is_one_sentence, lwmisn


def test_a_bundle_that_cannot_be_written_has_a_remedy(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = lwmisn("bundle", trained, "-o", tmp_path / "file" / "bundle")
    assert outcome.code == 2 and is_one_sentence(outcome.err)
    assert str(tmp_path / "file") in outcome.err and "check its path and permissions" in outcome.err
