"""Tests of the verification: a whole bundle passes, and what is wrong with a broken one is named."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from monai_lwmisn.bundle.verify import (
    LARGEST_FILE,
    Finding,
    check_code,
    check_files,
    check_metadata,
    check_runtimes,
    check_weights,
    raise_for_failures,
    verify,
)
from monai_lwmisn.errors import CheckpointError, ConfigError


@pytest.fixture
def broken(prostate_bundle: Path, tmp_path: Path) -> Path:
    """A bundle to break."""
    return shutil.copytree(prostate_bundle, tmp_path / "bundle")


@pytest.mark.parametrize("form", ["prostate_bundle", "standalone"])
def test_a_whole_bundle_passes_every_check(form: str, request: pytest.FixtureRequest) -> None:
    findings = list(verify(request.getfixturevalue(form)))
    assert [str(finding) for finding in findings if not finding.passed] == []
    assert len(findings) == 10
    assert "TorchScript, onnxruntime, openvino" in findings[-2].detail
    assert "onnxruntime, openvino" in findings[-1].detail
    assert ("none" in findings[1].detail) == (form == "prostate_bundle")


def test_a_missing_and_a_large_file_are_named(broken: Path) -> None:
    with open(broken / "models" / "model.pt", "r+b") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(ConfigError, match="models/model.pt is over 25 MB"):
        check_files(broken)
    (broken / "LICENSE").unlink()
    with pytest.raises(ConfigError, match="LICENSE missing"):
        check_files(broken)


def test_code_of_others_and_changed_code_are_refused(broken: Path, standalone: Path, tmp_path: Path) -> None:
    (broken / "scripts").mkdir()
    (broken / "scripts" / "own.py").touch()
    with pytest.raises(ConfigError, match=r"scripts/own.py is not of this package"):
        check_code(broken)
    shutil.unpack_archive(standalone, tmp_path / "unpacked")
    (bundle,) = (tmp_path / "unpacked").iterdir()
    check_code(bundle)
    with open(bundle / "monai_lwmisn" / "files.py", "a") as file:
        file.write("\n")
    with pytest.raises(ConfigError, match=r"monai_lwmisn/files.py is missing or not that of release"):
        check_code(bundle)


def test_a_bundle_with_code_of_its_own_is_not_run(broken: Path, tmp_path: Path) -> None:
    mark = tmp_path / "touched"
    (broken / "cucim.py").write_text(f"from pathlib import Path; Path({str(mark)!r}).touch()")
    *_, last = verify(broken)
    assert (last.check, last.passed) == ("code", False) and "cucim.py is not of this package" in last.detail
    (broken / "cucim.py").unlink()
    for name, key in (("metadata", "task"), ("evaluate", "run"), ("inference", "run")):
        file = broken / "configs" / f"{name}.json"
        before = file.read_text()
        file.write_text(json.dumps({**json.loads(before), key: f"$__import__('pathlib').Path({str(mark)!r}).touch()"}))
        with pytest.raises(ConfigError, match=rf"{name}\.json.* would run "):
            next(verify(broken))
        file.write_text(before)
    assert not mark.exists()


def test_metadata_off_the_schema_are_refused(broken: Path) -> None:
    file = broken / "configs" / "metadata.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "version": "0.9.0"}))
    with pytest.raises(ConfigError, match="no version 0.9.0"):
        check_metadata(broken)
    file.write_text(json.dumps({key: value for key, value in content.items() if key != "task"}))
    with pytest.raises(Exception, match="'task' is a required property"):
        check_metadata(broken)


def test_weights_of_another_network_are_refused(broken: Path) -> None:
    state = torch.load(broken / "models" / "model.pt", weights_only=True)
    torch.save({name: value for name, value in state.items() if "head" not in name}, broken / "models" / "model.pt")
    with pytest.raises(CheckpointError, match="does not hold the weights of this genotype"):
        check_weights(broken)


def test_an_export_of_other_weights_is_refused(standalone: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(standalone, tmp_path)
    (bundle,) = (path for path in tmp_path.iterdir() if path.is_dir())
    weights = bundle / "models" / "model.pt"
    torch.save({name: value * 2 for name, value in torch.load(weights, weights_only=True).items()}, weights)
    with pytest.raises(ConfigError, match="TorchScript differs from torch by"):
        check_runtimes(bundle)


def test_a_failed_check_is_a_finding_and_the_others_go_on(broken: Path) -> None:
    (broken / "LICENSE").unlink()
    (broken / "models" / "model.pt").write_bytes(b"damaged")
    failed = [finding.check for finding in verify(broken) if not finding.passed]
    assert failed == ["files", "weights", "export", "properties", "runtimes", "one ONNX file"]


def test_what_is_no_bundle_is_refused(tmp_path: Path, prostate_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="is no bundle"):
        next(verify(tmp_path))
    bundle = shutil.copytree(prostate_bundle, tmp_path / "bundle")
    (bundle / "configs" / "metadata.json").unlink()
    with pytest.raises(ConfigError, match="is no bundle"):
        next(verify(bundle))


def test_failures_are_summed_up(tmp_path: Path) -> None:
    raise_for_failures(tmp_path, [Finding("files", True, "")])
    with pytest.raises(ConfigError, match=r"failed 1 of 2 checks \(weights\)"):
        raise_for_failures(tmp_path, [Finding("files", True, ""), Finding("weights", False, "gone")])
