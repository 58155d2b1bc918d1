"""Tests of `lwmisn bundle`, `verify` and `convert`."""

import shutil
import zipfile
from pathlib import Path

import pytest

from tests.cli.commands import is_one_sentence, lwmisn


def test_a_bundle_and_its_standalone_zip(trained: Path, tmp_path: Path) -> None:
    outcome = lwmisn("bundle", trained, "-o", tmp_path / "mine", "--standalone", tmp_path / "mine.zip")
    assert outcome.code == 0, outcome.err
    assert f"The bundle: {tmp_path / 'mine'}" in outcome.out and "Check it: lwmisn verify" in outcome.out
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        assert "mine/models/model.onnx" in archive.namelist()
    again = lwmisn("bundle", tmp_path / "mine", "-o", tmp_path / "other")
    assert again.code == 2 and is_one_sentence(again.err) and "is a bundle" in again.err


def test_a_bundle_that_cannot_be_written_has_a_remedy(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = lwmisn("bundle", trained, "-o", tmp_path / "file" / "bundle")
    assert outcome.code == 2 and is_one_sentence(outcome.err)
    assert str(tmp_path / "file") in outcome.err and "is a file, and a folder is needed" in outcome.err
    nothing = lwmisn("bundle", trained)
    assert nothing.code == 2 and "give -o BUNDLE, --standalone FILE.zip, --bioimageio FILE.zip, --onnx" in nothing.err
    named = lwmisn("bundle", trained, "--standalone", tmp_path / "file.zip", "--author", "Jane Doe")
    assert named.code == 2 and "give -o too" in named.err
    alone = lwmisn("bundle", trained, "-o", tmp_path / "mine", "--int8", tmp_path)
    assert alone.code == 2 and is_one_sentence(alone.err) and "give --onnx FILE.onnx too" in alone.err


def test_a_package_of_bioimageio_is_written_by_its_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, archive = tmp_path / "bundle", tmp_path / "file.zip"
    monkeypatch.setattr("monai_lwmisn.bundle.bioimageio.write.find_spec", lambda name: None)
    without = lwmisn("bundle", bundle, "--bioimageio", archive)
    assert without.code == 2 and is_one_sentence(without.err) and "pip install -e .[bioimageio]" in without.err
    asked = []
    monkeypatch.setattr("monai_lwmisn.bundle.bioimageio.write.write_bioimageio", lambda *given: asked.append(given))
    outcome = lwmisn("bundle", bundle, "--bioimageio", archive)
    assert outcome.code == 0 and asked == [(bundle, archive)] and outcome.out.endswith(f"has tested: {archive}\n")


def test_a_failed_check_is_shown(trained: Path, tmp_path: Path) -> None:
    lwmisn("bundle", trained, "-o", tmp_path / "mine")
    (tmp_path / "mine" / "LICENSE").unlink()
    (tmp_path / "mine" / "models" / "model.pt").unlink()
    outcome = lwmisn("verify", tmp_path / "mine")
    assert outcome.code == 2 and is_one_sentence(outcome.err)
    assert "FAIL  files: LICENSE, models/model.pt missing" in outcome.out
    assert "ok    metadata: version" in outcome.out


def test_the_former_release_is_converted(tmp_path: Path) -> None:
    shutil.unpack_archive(Path(__file__).parents[1] / "former.zip", tmp_path)
    refused = lwmisn("train", tmp_path / "run")
    assert refused.code == 2 and f"lwmisn convert {tmp_path / 'run'} NEW" in refused.err
    outcome = lwmisn("convert", tmp_path / "run", tmp_path / "new")
    assert outcome.code == 0 and outcome.out == f"Converted: {tmp_path / 'new'}\n"
    assert lwmisn("show", tmp_path / "new").code == 0
