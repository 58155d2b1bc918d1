"""The app's folder keeps what bundles have learned, and what they came with."""

import shutil
from pathlib import Path

import pytest

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.label.folder import prepare, restore
from monai_lwmisn.label.server import server_command

BUNDLE = Path(__file__).parents[2] / "bundles" / "liver_ct_lwmisn"


def test_copies_are_made_once_and_keep_what_they_learn(tmp_path: Path) -> None:
    app = tmp_path / "app"
    assert prepare(app, [BUNDLE]) == ["liver_ct_lwmisn"]
    models = app / "model/liver_ct_lwmisn/models"
    published = (BUNDLE / "models/model.pt").read_bytes()
    assert (models / "model.pt").read_bytes() == (models / "published.pt").read_bytes() == published
    (models / "model.pt").write_bytes(b"learned")
    assert prepare(app, [BUNDLE]) == prepare(app, []) == ["liver_ct_lwmisn"]
    assert (models / "model.pt").read_bytes() == b"learned"
    restore(app, "liver_ct_lwmisn")
    assert (models / "model.pt").stat().st_size == len(published)
    assert "LWMISNApp" in (app / "main.py").read_text()


def test_what_is_no_bundle_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for bundles, sentence in (([tmp_path / "none"], "is no folder: give that of a bundle"), ([], "has no bundle yet")):
        with pytest.raises(ConfigError, match=sentence):
            prepare(tmp_path / "app", bundles)
        shutil.rmtree(tmp_path / "app", ignore_errors=True)
    for file, content, sentence in (
        ("configs/train.json", {"run": ["$print()"]}, r"would run '\$print\(\)'"),
        ("configs/inference.json", {"load": {"_target_": "os.system"}}, "would run 'os.system'"),
    ):
        copy = Path(shutil.copytree(BUNDLE, tmp_path / Path(file).stem))
        write_json({**read_json(copy / file), **content}, copy / file)
        with pytest.raises(ConfigError, match=sentence):
            prepare(tmp_path / "app", [copy])
        assert not (tmp_path / "app").exists()
    with pytest.raises(ConfigError, match="no bundle nothing with published weights"):
        restore(tmp_path / "app", "nothing")


def test_code_beside_a_bundle_is_not_copied(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))
    (copy / "torch.py").write_text("raise SystemExit")
    prepare(tmp_path / "app", [copy])
    assert not list((tmp_path / "app/model").rglob("*.py")) and (tmp_path / "app/model/bundle/LICENSE").is_file()


def test_the_server_needs_its_packages_and_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monai_lwmisn.label.server.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="make label-env"):
        server_command(tmp_path, ["a"], str(tmp_path), "127.0.0.1", 8000)
    monkeypatch.setattr("monai_lwmisn.label.server.find_spec", lambda name: object())
    with pytest.raises(ConfigError, match="is no folder"):
        server_command(tmp_path, ["a"], str(tmp_path / "missing"), "127.0.0.1", 8000)
    monkeypatch.setattr("monai_lwmisn.label.server.is_installed", lambda name: False)
    with pytest.raises(ConfigError, match="pip install openvino"):
        server_command(tmp_path, ["a"], str(tmp_path), "127.0.0.1", 8000, "openvino")
    command = server_command(tmp_path, ["a", "b"], "http://server/dicom-web", "127.0.0.1", 8123)
    assert command[command.index("--studies") + 1] == "http://server/dicom-web"
    assert command[command.index("models") + 1] == "a,b" and command[-1] == "8123"
