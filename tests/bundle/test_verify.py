"""Verification passes a whole bundle and names what is wrong with a broken one."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from monai_lwmisn.bundle.bundle_checks import LARGEST_FILE, files, metadata, weights

from monai_lwmisn.bundle.verify import Finding, raise_for_failures, verify
from monai_lwmisn.errors import CheckpointError, ConfigError


@pytest.fixture
def broken(prostate_bundle: Path, tmp_path: Path) -> Path:
    """A bundle to break."""
    return shutil.copytree(prostate_bundle, tmp_path / "bundle")


def test_a_whole_bundle_passes_every_check(prostate_bundle: Path) -> None:
    findings = list(verify(prostate_bundle))
    assert [finding.check for finding in findings if not finding.passed] == []
    assert len(findings) == 8
    assert "TorchScript, ONNX Runtime, OpenVINO" in findings[-1].detail


def test_a_missing_and_a_large_file_are_named(broken: Path) -> None:
    with open(broken / "models" / "model.ts", "r+b") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(ConfigError, match="models/model.ts is over 25 MB"):
        files(broken)
    (broken / "LICENSE").unlink()
    with pytest.raises(ConfigError, match="LICENSE missing"):
        files(broken)


def test_metadata_off_the_schema_are_refused(broken: Path) -> None:
    file = broken / "configs" / "metadata.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "version": "0.2.0"}))
    with pytest.raises(ConfigError, match="no version 0.2.0"):
        metadata(broken)
    file.write_text(json.dumps({key: value for key, value in content.items() if key != "task"}))
    with pytest.raises(Exception, match="'task' is a required property"):
        metadata(broken)


def test_weights_of_another_network_are_refused(broken: Path) -> None:
    state = torch.load(broken / "models" / "model.pt", weights_only=True)
    torch.save({name: value for name, value in state.items() if "head" not in name}, broken / "models" / "model.pt")
    with pytest.raises(CheckpointError, match="does not hold the weights of this genotype"):
        weights(broken)


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no bundle"):
        next(verify(tmp_path))


def test_failures_are_summed_up(tmp_path: Path) -> None:
    raise_for_failures(tmp_path, [Finding("files", True, "")])
    with pytest.raises(ConfigError, match=r"failed 1 of 2 checks \(weights\)"):
        raise_for_failures(tmp_path, [Finding("files", True, ""), Finding("weights", False, "gone")])
