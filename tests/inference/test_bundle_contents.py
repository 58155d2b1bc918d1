"""A bundle's configuration runs what a bundle is for, and nothing else."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import monai.transforms
import pytest
from monai.transforms import MapTransform, Randomizable

from monai_lwmisn.config import preset_names, read_config, resolve, variant_names
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import write_json
from monai_lwmisn.inference.bundle_contents import TRANSFORMS, check_contents
from monai_lwmisn.inference.predict import load_bundle
from monai_lwmisn.inference.segment import segment

MARK = "touched"


def calls(mark: Path) -> dict[str, Any]:
    """Ways to run code in MONAI's configurations, by place. Each would make a file."""
    command = f"touch {mark}"
    system = {"_target_": "os.system", "command": command}
    return {
        "target": ("preprocessing", system),
        "target of monai": (
            "preprocessing",
            {"_target_": "monai.utils.misc.run_cmd", "cmd_list": ["touch", str(mark)]},
        ),
        "bare name": ("preprocessing", {"_target_": "run_cmd", "cmd_list": ["touch", str(mark)]}),
        "by way of our own": (
            "preprocessing",
            {"_target_": "monai_lwmisn.inference.predict.os.system", "command": command},
        ),
        "nested target": ("evaluator", {"_target_": "Compose", "transforms": [[system]]}),
        "expression": ("preprocessing", f"$__import__('os').system('{command}')"),
        "expression in a list": ("load", ["@network_def", f"$__import__('os').system('{command}')"]),
        "import": ("imports", ["$import os", "$import antigravity"]),
        "file of expressions": ("preprocessing", f"%{mark.with_name('more.json')}::run"),
        "reader": ("preprocessing", {"_target_": "LoadImaged", "keys": "image", "reader": "os.system"}),
        "list of readers": ("preprocessing", {"_target_": "LoadImaged", "keys": "image", "reader": ["os.system"]}),
        "debugger": ("preprocessing", {"_target_": "Compose", "_mode_": "debug"}),
        "file to write": ("evaluator", {"_target_": "SaveImaged", "keys": "image", "output_dir": str(mark)}),
        "function": ("evaluator", {"_target_": "Lambdad", "keys": "image", "func": "@device"}),
    }


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


@pytest.mark.parametrize("way", calls(Path(MARK)))
def test_code_in_a_configuration_is_refused_and_not_run(
    copy: Path, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "system", lambda command: pytest.fail("executed"))
    mark = tmp_path / MARK
    key, value = calls(mark)[way]
    (tmp_path / "more.json").write_text(json.dumps({"run": f"$__import__('pathlib').Path('{mark}').touch()"}))
    config = json.loads((copy / "configs/inference.json").read_text())
    write_json({**config, key: value}, copy / "configs/inference.json")
    with pytest.raises(ConfigError, match=r"would run .*, which no bundle of this release does"):
        load_bundle(copy)
    with pytest.raises(ConfigError, match="would run"):
        segment(copy, [tmp_path], tmp_path / "out")
    assert not mark.exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize("preset", preset_names())
def test_all_that_presets_ask_for_is_taken(tmp_path: Path, preset: str) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/metadata.json").write_text("{}")  # it marks a bundle
    for variant in variant_names(preset):
        for stage, config in resolve(preset, variant).items():
            if stage == "inference":
                check_contents(config, stage)
                continue
            write_json(config, tmp_path / f"configs/{stage}.json")
            assert read_config(tmp_path, stage) == config
            write_json({**config, "run": ["$print()"]}, tmp_path / f"configs/{stage}.json")
            with pytest.raises(ConfigError, match=r"would run '\$print\(\)'"):
                read_config(tmp_path, stage)


def test_the_transforms_are_those_of_monai_that_compute() -> None:
    kinds = [getattr(monai.transforms, name) for name in TRANSFORMS - {"Compose"}]
    assert all(issubclass(kind, MapTransform) and not issubclass(kind, Randomizable) for kind in kinds)
