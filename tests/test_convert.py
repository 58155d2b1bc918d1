"""Tests of the conversion, on what the former release wrote (tests/former.zip).

Its run was searched and trained for one of two epochs on the phantom of the fixture ``nuclei_phantom``. ``expected/``
has the weights after the second epoch, and the logits of an image with these, both by the former release.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monai_lwmisn import evaluate, load_bundle, train
from monai_lwmisn.bundle.configs import bundle_configs, changed_settings
from monai_lwmisn.bundle.verify import check_files, check_metadata
from monai_lwmisn.config import RUN_STAGES, read_configs, resolve
from monai_lwmisn.convert import convert
from monai_lwmisn.errors import CheckpointError, ConfigError, GenotypeError
from monai_lwmisn.former import NAMES
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_weights
from monai_lwmisn.settings import all_settings

DATA = "/former/data"
"""The place of the phantom when the run was made."""

SETTINGS = {
    "search.strategy": "random",
    "search.epochs": 1,
    "search.warmup_epochs": 0,
    "search.lambda_latency": 0,
    "search.budget_params": None,
    "architecture.cells": {"encoder": 1, "middle": 1, "decoder": 1},
    "architecture.node_width": [4, 4],
    "train.epochs": 2,
    "train.warmup_epochs": 0.5,
    "train.val_interval": 1,
    "train.recalibration_batches": 1,
    "train.ema_decay": 0.5,
    "data.test_fraction": 0.25,
    "data.validation_fraction": 0.25,
    "device": "cpu",
}
"""What the run was given beside its preset, by the names of this release."""

FORMER_DEFAULTS = {
    "search.search_space": "lwmisn",
    "search.alpha_groups": "stages",
    "search.alpha_learning_rate": 0.015,
}
"""What the run has by defaults of its time, which are others now. A bundle records only what was given."""


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """A folder with run, bundle and expected."""
    with zipfile.ZipFile(Path(__file__).parent / "former.zip") as archive:
        archive.extractall(tmp_path / "former")
    bundle = tmp_path / "former" / "bundle"
    for name in ("models/model.ts", "models/model.onnx", "scripts/networks/lwmisn.py"):
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_text("former")
    shutil.copyfile(tmp_path / "former/expected/model.pt", bundle / "models/model.pt")
    return tmp_path / "former"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def logits(genotype: Path, weights: Path) -> np.ndarray:
    network = LWMISN(Genotype.load(genotype)).eval()
    load_weights(network, weights)
    with torch.inference_mode():
        return network(torch.rand(1, 3, 37, 51, generator=torch.Generator().manual_seed(0))).numpy()


def edit(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_every_setting_of_the_former_release_has_a_place() -> None:
    cells = {"architecture.cells.encoder", "architecture.cells.middle", "architecture.cells.decoder"}
    assert set(NAMES["settings"]) - cells <= set(all_settings())


def test_a_run_has_the_settings_it_was_given(former: Path, tmp_path: Path) -> None:
    before = files(former / "run")
    assert convert(former / "run", tmp_path / "new") == []
    assert files(former / "run") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["former", "new"]
    configs, expected = read_configs(tmp_path / "new"), resolve("nuclei", overrides=SETTINGS | FORMER_DEFAULTS)
    places = {"bundle_root": str(tmp_path / "new"), "dataset_dir": DATA}
    comment = configs["search"]["comment"]
    expected = {stage: {**config, "comment": comment} for stage, config in expected.items()}
    assert configs == {stage: {**expected[stage], **places} for stage in RUN_STAGES}
    assert changed_settings(configs) == SETTINGS | FORMER_DEFAULTS


def test_a_bundle_has_the_same_logits_and_no_code(former: Path, tmp_path: Path) -> None:
    assert convert(former / "bundle", tmp_path / "new") == []
    new = tmp_path / "new"
    np.testing.assert_allclose(
        logits(new / "genotype.json", new / "models/model.pt"), np.load(former / "expected/logits.npy"), atol=1e-6
    )
    check_files(new)
    check_metadata(new)
    assert not [name for name in files(new) if name.endswith((".py", ".ts", ".onnx"))]
    facts = json.loads((new / "configs/metadata.json").read_text())
    settings = facts["lwmisn"]["settings"]
    assert facts["required_packages_version"]["monai-lwmisn"]
    assert settings == {key: value for key, value in SETTINGS.items() if key != "architecture.cells"} | {
        f"architecture.cells.{stage}": 1 for stage in ("encoder", "middle", "decoder")
    }
    written = {name: json.loads((new / f"configs/{name}.json").read_text()) for name in (*RUN_STAGES, "inference")}
    # The configuration of its search lacks what a random network does not need, which is the preset's then.
    kept = {key: value for key, value in FORMER_DEFAULTS.items() if key != "search.alpha_learning_rate"}
    assert written == bundle_configs(resolve("nuclei", overrides=settings | kept))
    card = (new / "docs/README.md").read_text()
    assert "scripts" not in card and "train_epochs" not in card and max(map(len, card.splitlines())) <= 100


def test_a_converted_bundle_segments(former: Path, tmp_path: Path) -> None:
    convert(former / "bundle", tmp_path / "new")
    with load_bundle(tmp_path / "new", device="cpu") as predictor:
        prediction = predictor(np.random.default_rng(0).integers(0, 255, (37, 51, 3), dtype=np.uint8))
    assert prediction.labels.shape == prediction.instances.shape == (37, 51)


def test_an_interrupted_training_ends_as_in_the_former_release(
    former: Path, tmp_path: Path, nuclei_phantom: Path
) -> None:
    run = tmp_path / "new"
    convert(former / "run", run)
    datalist = run / "datalist.json"
    datalist.write_text(datalist.read_text().replace(DATA, str(nuclei_phantom)))
    train(run, resume=True)
    found = logits(run / "genotype.json", run / "models/model.pt")
    np.testing.assert_allclose(found, np.load(former / "expected/logits.npy"), atol=1e-5)
    assert len((run / "train/history.jsonl").read_text().splitlines()) == 2
    assert evaluate(run)["counts"]["images"] == 2


def test_single_files(former: Path, tmp_path: Path) -> None:
    convert(former / "run/genotype.json", tmp_path / "genotype.json")
    convert(former / "expected/model.pt", tmp_path / "model.pt")
    found = logits(tmp_path / "genotype.json", tmp_path / "model.pt")
    np.testing.assert_allclose(found, np.load(former / "expected/logits.npy"), atol=1e-6)
    with pytest.raises(GenotypeError, match="schema version 2: give a genotype of the former release"):
        convert(tmp_path / "genotype.json", tmp_path / "again.json")
    with pytest.raises(ConfigError, match="cannot be converted"):
        convert(former / "bundle/LICENSE", tmp_path / "license")
    with pytest.raises(ConfigError, match="exists"):
        convert(former / "run", tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("file", "values", "error"),
    [
        ("train", {"loading": [{"_target_": "LoadImaged", "keys": "image", "reader": "my.Reader"}]}, "with my.Reader"),
        ("train", {"loading": [{"_target_": "Flipd", "keys": "image"}]}, "with Flipd"),
        ("evaluate", {"separation": {"_target_": "my.Separation"}}, "sets separation"),
        ("train", {"train_epochs": "$2 + 1"}, "sets train_epochs to the expression '\\$2 \\+ 1'"),
    ],
)
def test_what_would_give_another_result_is_refused(
    former: Path, tmp_path: Path, file: str, values: dict[str, Any], error: str
) -> None:
    edit(former / f"run/configs/{file}.json", **values)
    with pytest.raises(ConfigError, match=error):
        convert(former / "run", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["former"]


def test_what_is_left_out_is_named(former: Path, tmp_path: Path) -> None:
    (former / "run/search").mkdir(exist_ok=True)
    shutil.copyfile(former / "run/train/checkpoint.pt", former / "run/search/checkpoint.pt")
    edit(former / "run/configs/train.json", torch_compile=True)
    compiled, checkpoint = convert(former / "run", tmp_path / "new")
    assert "torch_compile is left out" in compiled and "search/checkpoint.pt is left out" in checkpoint
    assert not (tmp_path / "new/search/checkpoint.pt").exists() and (tmp_path / "new/train/checkpoint.pt").exists()


def test_what_a_setting_refers_to_comes_along(former: Path, tmp_path: Path) -> None:
    crop = {"_target_": "RandSpatialCropd", "keys": ["image", "label"], "roi_size": "@size", "random_size": False}
    flip = {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": "@val_interval"}
    edit(former / "run/configs/train.json", size=[32, 32], augmentation=[crop, flip])
    convert(former / "run", tmp_path / "new")
    config = read_configs(tmp_path / "new")["train"]
    assert config["size"] == [32, 32] and config["data"]["augmentation"][0] == crop
    assert config["data"]["augmentation"][1]["prob"] == "@train::val_interval"


def test_damaged_weights_and_an_unfinished_search_leave_nothing(former: Path, tmp_path: Path) -> None:
    (former / "run/models/model.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="former/run/models/model.pt is truncated or not a checkpoint"):
        convert(former / "run", tmp_path / "new")
    (former / "run/genotype.json").unlink()
    with pytest.raises(ConfigError, match="cannot be resumed: start it again"):
        convert(former / "run", tmp_path / "new")
    with pytest.raises(ConfigError, match="no run or bundle of the former release"):
        convert(tmp_path, tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["former"]


def test_weights_are_read_without_executing_them(former: Path, tmp_path: Path) -> None:
    code = "import pickle, os, sys, torch\nclass Evil:\n def __reduce__(self): return os.mkdir, (sys.argv[2],)\n"
    subprocess.run(
        [sys.executable, "-c", code + "torch.save({'a': Evil()}, sys.argv[1])", "evil.pt", "made"],
        cwd=tmp_path,
        check=True,
        env=os.environ,
    )
    with pytest.raises(CheckpointError, match="tensors and plain values"):
        convert(tmp_path / "evil.pt", tmp_path / "new.pt")
    assert not (tmp_path / "made").exists()
