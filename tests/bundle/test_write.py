"""Tests of writing a bundle: it is whole, says what it is, and runs with the package."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import SimpleITK
import torch

import monai_lwmisn
from monai_lwmisn.bundle.configs import bundle_configs, changed_settings
from monai_lwmisn.bundle.verify import check_metadata, check_network
from monai_lwmisn.bundle.write import whole_folder, write_bundle
from monai_lwmisn.config import RUN_STAGES, execute, read_configs, resolve, write_configs
from monai_lwmisn.data import read_datalist
from monai_lwmisn.errors import CheckpointError, ConfigError
from monai_lwmisn.networks import Genotype
from tests.networks.small import small_genotype


def stages(configs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The configurations of a run."""
    return {stage: configs[stage] for stage in RUN_STAGES}


def test_metadata_and_card_say_what_the_network_is(prostate_bundle: Path) -> None:
    metadata = json.loads((prostate_bundle / "configs" / "metadata.json").read_text())
    weights = torch.load(prostate_bundle / "models" / "model.pt", weights_only=True)
    learned = sum(value.numel() for name, value in weights.items() if "running" not in name and "num_" not in name)
    assert metadata["lwmisn"]["params"] == learned
    assert metadata["required_packages_version"]["monai-lwmisn"] == monai_lwmisn.__version__
    assert metadata["network_data_format"]["outputs"]["pred"]["channel_def"] == {"0": "background", "1": "prostate"}
    card = (prostate_bundle / "docs" / "README.md").read_text()
    assert "not for diagnosis" in card and "PROMISE12" in card and f"{learned / 1e6:.3f} M" in card
    assert "research use" in (prostate_bundle / "docs" / "data_license.txt").read_text()


def test_of_data_in_another_layout_nothing_is_said_of_the_data_set_of_the_preset(
    prostate_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(prostate_run, tmp_path / "run")
    assert "PROMISE12" in write_bundle(run, tmp_path / "promise12")
    write_configs(run, stages(resolve("prostate_mr", overrides={"data.dataset": "folder"})))
    assert write_bundle(run, tmp_path / "own") == "data of the user's own"
    said = [tmp_path / "own" / name for name in ("docs/README.md", "docs/data_license.txt", "configs/metadata.json")]
    assert not any("PROMISE12" in file.read_text() for file in said)


def test_what_the_user_set_is_in_the_bundle_and_known_from_it(prostate_run: Path) -> None:
    configs = read_configs(prostate_run)
    settings = changed_settings(configs)
    assert settings == {"device": "cpu", "train.epochs": 1}
    assert bundle_configs(resolve("prostate_mr", overrides=settings)) == bundle_configs(configs)


def test_its_inference_has_the_settings_of_the_evaluation(prostate_run: Path, tmp_path: Path) -> None:
    overrides = {"inference.test_time_flips": [1], "inference.roi": [64, 64], "device": "cpu"}
    configs = resolve("prostate_mr", overrides=overrides)
    run = shutil.copytree(prostate_run, tmp_path / "run")
    write_configs(run, stages(configs))
    write_bundle(run, tmp_path / "bundle")
    inference = json.loads((tmp_path / "bundle/configs/inference.json").read_text())
    assert inference == {**configs["inference"], "bundle_root": "."}
    assert inference["inference"]["roi"] == [64, 64] and inference["device"] == "cpu"


def test_of_a_users_own_preset_all_settings_are_changed_ones(prostate_run: Path) -> None:
    configs = read_configs(prostate_run)
    own = {stage: {**config, "preset": "mine"} for stage, config in configs.items()}
    settings = changed_settings(own)
    assert settings["data.modality"] == "MR" and settings["train.val_interval"] == 3
    assert "data.num_workers" not in settings


def test_a_search_in_a_bundle_leaves_its_genotype_alone(
    prostate_bundle: Path, mr_phantom: Path, tmp_path: Path
) -> None:
    bundle = shutil.copytree(prostate_bundle, tmp_path / "bundle")
    before = (bundle / "genotype.json").read_bytes()
    places = {"bundle_root": str(bundle), "dataset_dir": str(mr_phantom)}
    fractions = {"data::test_fraction": 0.34, "data::validation_fraction": 0.34}
    execute(bundle / "configs/search.json", run="%random", **places, **fractions)
    assert (bundle / "genotype.json").read_bytes() == before
    assert Genotype.load(bundle / "search/genotype.json")


def test_it_trains_and_evaluates_with_the_package(prostate_bundle: Path, mr_phantom: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(prostate_bundle, tmp_path / "bundle")
    before = (bundle / "models" / "model.pt").read_bytes()
    values = {"bundle_root": str(bundle), "dataset_dir": str(mr_phantom)}
    values |= {"data::test_fraction": 0.34, "data::validation_fraction": 0.34}
    execute(bundle / "configs/train.json", **values)
    assert (bundle / "models" / "model.pt").read_bytes() != before
    execute(bundle / "configs/evaluate.json", **values)
    metrics = json.loads((bundle / "evaluation" / "metrics.json").read_text())
    weights = (bundle / "models" / "model.pt").read_bytes()
    assert metrics["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert 0 <= metrics["mean"]["dsc_3d"] <= 1 and len(metrics["cases"]) == 1


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


def test_metrics_of_other_weights_are_refused(prostate_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(prostate_run, tmp_path / "run")
    (run / "evaluation").mkdir()
    (run / "evaluation" / "metrics.json").write_text('{"weights_sha256": "00"}', encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"metrics\.json was measured with other weights than .*: run lwmisn evaluate"
    ):
        write_bundle(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_is_no_run(prostate_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a bundle: give a run folder"):
        write_bundle(prostate_bundle, tmp_path / "bundle")


def test_a_bundle_that_a_kill_left_aside_comes_back(tmp_path: Path) -> None:
    aside = tmp_path / ".mine.partial" / ".replaced"
    aside.mkdir(parents=True)
    (aside / "file").write_text("old")
    with pytest.raises(ValueError), whole_folder(tmp_path / "mine") as made:
        assert not list(made.iterdir())
        raise ValueError
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine" / "file").read_text() == "old"


def test_a_folder_that_is_no_bundle_is_not_replaced(prostate_run: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    with pytest.raises(ConfigError, match="is no bundle"):
        write_bundle(prostate_run, tmp_path / "precious")
    assert (tmp_path / "precious" / "file").exists()


def test_the_genotype_is_the_runs(prostate_run: Path, prostate_bundle: Path) -> None:
    assert Genotype.load(prostate_bundle / "genotype.json") == Genotype.load(prostate_run / "genotype.json")


def test_the_metadata_describe_transforms_and_build_none(prostate_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(prostate_run, tmp_path / "run")
    steps = [{"_target_": "FillHolesd", "keys": "pred"}]
    write_configs(run, stages(resolve("prostate_mr", overrides={"inference.postprocessing": steps})))
    write_bundle(run, tmp_path / "bundle")
    metadata = json.loads((tmp_path / "bundle/configs/metadata.json").read_text())
    assert json.loads(metadata["lwmisn"]["settings"]["inference.postprocessing"]) == steps


def test_a_network_of_neighbouring_slices_segments_as_it_was_trained_and_measured(
    mr_phantom: Path, tmp_path: Path
) -> None:
    small_genotype(in_channels=1, slices=3).save(tmp_path / "given.json")
    settings = {"search.strategy": "given", "search.genotype": str(tmp_path / "given.json"), "device": "cpu"}
    settings |= {"train.epochs": 6, "train.batch_size": 4, "train.val_interval": 6, "data.augmentation": []}
    settings |= {"inference.postprocessing": [], "evaluate.costs": False}
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    monai_lwmisn.search(run, preset="prostate_mr", data=mr_phantom, settings=settings)
    monai_lwmisn.train(run)
    report = monai_lwmisn.evaluate(run)
    write_bundle(run, bundle)
    (item,) = read_datalist(run / "datalist.json")["test"]
    mask = monai_lwmisn.predict(bundle, item["image"])
    truth = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(item["label"])).T > 0
    assert 0 < mask.sum() < mask.size
    dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert report["cases"][0]["dsc_3d"] == pytest.approx(dice, abs=1e-6)
    assert check_metadata(bundle) and check_network(bundle)
    image = json.loads((bundle / "configs" / "metadata.json").read_text())["network_data_format"]["inputs"]["image"]
    names = ["image of the slice 1 before", "image of the slice to segment", "image of the slice 1 after"]
    assert image["num_channels"] == 3 and list(image["channel_def"].values()) == names
    assert f"in this order: {', '.join(names)}." in " ".join((bundle / "docs" / "README.md").read_text().split())
