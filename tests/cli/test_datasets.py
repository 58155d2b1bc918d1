"""`lwmisn check-data` and `phantom`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.commands import lwmisn


@pytest.mark.parametrize(("kind", "preset"), [("nuclei", "nuclei"), ("ct", "liver_ct"), ("mr", "prostate_mr")])
def test_a_phantom_of_each_kind_passes_the_check_of_its_preset(tmp_path: Path, kind: str, preset: str) -> None:
    made = lwmisn("phantom", tmp_path / kind, "--kind", kind, "--cases", 2, "--size", 32)
    assert made.code == 0, made.err
    checked = lwmisn("check-data", "--preset", preset, "--data", tmp_path / kind, "--json")
    assert checked.code == 0, checked.err
    report = json.loads(checked.out)
    assert report["images"] == 2 and report["problems"] == []


def test_the_check_lists_what_is_wrong_and_fails(tmp_path: Path) -> None:
    lwmisn("phantom", tmp_path / "images", "--cases", 3, "--size", 32)
    broken = next((tmp_path / "images").rglob("images/*.png"))
    broken.write_bytes(broken.read_bytes()[:100])
    outcome = lwmisn("check-data", "--preset", "nuclei", "--data", tmp_path / "images")
    assert outcome.code == 2
    assert "problem: " in outcome.out and outcome.out.count(broken.name) == 1
    assert outcome.err == f"lwmisn: {tmp_path / 'images'} has 1 problem: see above.\n"


def test_data_of_ones_own_are_checked_without_a_preset(tmp_path: Path) -> None:
    lwmisn("phantom", tmp_path / "phantom", "--cases", 4, "--size", 32)
    for kind in ("images", "masks"):
        (tmp_path / "own" / kind).mkdir(parents=True)
    for number, image in enumerate(sorted((tmp_path / "phantom").rglob("images/*.png"))):
        label = np.zeros((32, 32), np.uint8)
        label[8:20, 4:24] = 255
        shutil.copy(image, tmp_path / "own" / "images" / f"{number}.png")
        Image.fromarray(label[:, number // 2 :]).save(tmp_path / "own" / "masks" / f"{number}.png")
    outcome = lwmisn("check-data", "--data", tmp_path / "own")
    assert outcome.code == 2
    assert outcome.out.count("problem: ") == 2
    assert outcome.err.endswith("own has 2 problems: see above.\n")
    refused = lwmisn("check-data", "--data", tmp_path / "own", "--set", "data.label_name=1")
    assert refused.code == 2 and "no setting 'data.label_name'" in refused.err
