"""A bundle is whole, says what it is, and runs where nothing but MONAI is installed."""

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from monai_lwmisn.bundle.configs import bundle_configs, changed_settings
from monai_lwmisn.bundle.write import generated_files, write_bundle
from monai_lwmisn.config import read_configs, resolve, write_configs
from monai_lwmisn.errors import CheckpointError, ConfigError
from monai_lwmisn.networks import Genotype
from tests.bundle.alone import run_alone


def workflow(bundle: Path, name: str, **values: object) -> list[str]:
    command = [
        "-m",
        "monai.bundle",
        "run",
        "--config_file",
        f"{bundle}/configs/{name}.json",
        "--bundle_root",
        str(bundle),
    ]
    return [*command, *(text for key, value in values.items() for text in (f"--{key}", str(value)))]


def test_it_segments_trains_and_evaluates_with_monai_alone(
    prostate_bundle: Path, mr_phantom: Path, alone: Path, tmp_path: Path
) -> None:
    bundle = shutil.copytree(prostate_bundle, tmp_path / "bundle")
    missing = run_alone(alone, "-c", "import monai_lwmisn", cwd=tmp_path)
    assert "No module named 'monai_lwmisn'" in missing.stderr

    image = nibabel.Nifti1Image(np.random.default_rng(0).normal(100, 20, (30, 26, 3)), np.diag([-1.5, 2, 3, 1]))
    (tmp_path / "in").mkdir()
    nibabel.save(image, tmp_path / "in" / "case.nii.gz")
    done = run_alone(
        alone, *workflow(bundle, "inference", dataset_dir=tmp_path / "in", output_dir=tmp_path / "out"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    mask = nibabel.load(tmp_path / "out" / "case_seg.nii.gz")
    assert mask.shape == image.shape
    np.testing.assert_allclose(mask.affine, image.affine)

    before = (bundle / "models" / "model.pt").read_bytes()
    settings = {"dataset_dir": mr_phantom, "test_fraction": 0.34, "validation_fraction": 0.34}
    done = run_alone(alone, *workflow(bundle, "train", **settings), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (bundle / "models" / "model.pt").read_bytes() != before
    done = run_alone(alone, *workflow(bundle, "evaluate", **settings), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads((bundle / "evaluation" / "metrics.json").read_text())
    assert 0 <= metrics["mean"]["dsc_3d"] <= 1 and len(metrics["cases"]) == 1

    done = run_alone(alone, *workflow(bundle, "search", **settings), cwd=tmp_path)
    assert done.returncode != 0 and "A search needs the package monai_lwmisn" in done.stderr
    assert not (bundle / "search" / "genotype.json").exists()


def test_metadata_and_card_say_what_the_network_is(prostate_bundle: Path) -> None:
    metadata = json.loads((prostate_bundle / "configs" / "metadata.json").read_text())
    weights = torch.load(prostate_bundle / "models" / "model.pt", weights_only=True)
    learned = sum(value.numel() for name, value in weights.items() if "running" not in name and "num_" not in name)
    assert metadata["lwmisn"]["params"] == learned
    assert metadata["network_data_format"]["outputs"]["pred"]["channel_def"] == {"0": "background", "1": "prostate"}
    card = (prostate_bundle / "docs" / "README.md").read_text()
    assert "not for diagnosis" in card and "PROMISE12" in card and f"{learned / 1e6:.3f} M" in card
    assert "research use" in (prostate_bundle / "docs" / "data_license.txt").read_text()


def test_of_data_in_another_layout_nothing_is_said_of_the_data_set_of_the_preset(
    prostate_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(prostate_run, tmp_path / "run")
    assert "PROMISE12" in write_bundle(run, tmp_path / "promise12")
    write_configs(run, resolve("prostate_mr", overrides={"layout": "folder"}))
    assert write_bundle(run, tmp_path / "own") == "data of the user's own"
    said = [tmp_path / "own" / name for name in ("docs/README.md", "docs/data_license.txt", "configs/metadata.json")]
    assert not any("PROMISE12" in file.read_text() for file in said)


def test_what_the_user_set_is_in_the_bundle_and_known_from_it(prostate_run: Path) -> None:
    configs = read_configs(prostate_run)
    settings = changed_settings(configs)
    assert settings == {"device": "cpu", "train_epochs": 1}
    assert bundle_configs(resolve("prostate_mr", overrides=settings)) == bundle_configs(configs)
    inference = json.loads(generated_files(configs)["configs/inference.json"])
    assert inference["device"] == "cpu" and "train_epochs" not in inference


def test_nothing_of_the_machine_is_in_it(prostate_run: Path, prostate_bundle: Path) -> None:
    for file in [*(prostate_bundle / "configs").glob("*"), *(prostate_bundle / "docs").glob("*")]:
        assert str(prostate_run.parent) not in file.read_text()


def test_an_unfinished_run_leaves_no_bundle(prostate_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(prostate_run, tmp_path / "run")
    torch.save({"no": torch.zeros(1)}, run / "models" / "model.pt")
    with pytest.raises(CheckpointError, match="does not hold the weights of this genotype"):
        write_bundle(run, tmp_path / "bundle")
    (run / "models" / "model.pt").unlink()
    with pytest.raises(ConfigError, match="train it first"):
        write_bundle(run, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == [run]


def test_a_folder_that_is_no_bundle_is_not_replaced(prostate_run: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    with pytest.raises(ConfigError, match="is no bundle"):
        write_bundle(prostate_run, tmp_path / "precious")
    assert (tmp_path / "precious" / "file").exists()


def test_the_genotype_is_the_runs(prostate_run: Path, prostate_bundle: Path) -> None:
    assert Genotype.load(prostate_bundle / "genotype.json") == Genotype.load(prostate_run / "genotype.json")
