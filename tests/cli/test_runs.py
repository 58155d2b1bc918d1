"""`lwmisn search`, `train` and `evaluate`: what they write, print and refuse."""

import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.settings import all_settings
from tests.cli.commands import NETWORK, SMALL, is_one_sentence, lwmisn, process


def test_a_search_leaves_a_run_folder_with_a_network_within_its_settings(trained: Path) -> None:
    genotype = Genotype.load(trained / "genotype.json")
    assert genotype.architecture.node_width == (4, 4) and genotype.architecture.cells == {
        "encoder": 1,
        "middle": 1,
        "decoder": 1,
    }
    assert (genotype.architecture.in_channels, genotype.architecture.out_channels) == (3, 1)
    assert len((trained / "search" / "history.jsonl").read_text().splitlines()) == 2
    datalist = json.loads((trained / "datalist.json").read_text())
    assert sum(len(datalist[part]) for part in ("training", "validation", "test")) == 9


def test_the_run_moves_with_its_folder_and_evaluates_to_the_stable_json(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "figures.json").write_text('{"mean": {}, "cases": [], "split": "of an earlier call"}')
    outcome = lwmisn("evaluate", copy, "--json", tmp_path / "figures.json")
    assert outcome.code == 0, outcome.err
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert {"dsc", "miou", "dsc_256", "miou_256"} <= set(figures["mean"])
    datalist = json.loads((copy / "datalist.json").read_text())
    assert [case["case"] for case in figures["cases"]] == [item["case"] for item in datalist["test"]]
    assert figures["mean"]["dsc"] == pytest.approx(
        sum(case["dsc"] for case in figures["cases"]) / len(figures["cases"]), abs=1e-6
    )
    assert figures["params"] == sum(
        parameter.numel() for parameter in LWMISN(Genotype.load(copy / "genotype.json")).parameters()
    )
    assert figures == json.loads((copy / "evaluation" / "metrics.json").read_text())
    assert re.search(rf"^Dice per image +{figures['mean']['dsc']:.4f}$", outcome.out, re.MULTILINE)
    assert figures["training"]["done"] == figures["training"]["asked"] and "not finished" not in outcome.out
    assert "independent case" in outcome.err and "data.folds=" in outcome.err
    assert outcome.out.endswith(f"The metrics of each case, and pictures: {copy / 'evaluation'}\n")
    with Image.open(copy / "evaluation" / "overlays.png") as picture:
        assert min(picture.size) > 100


def test_a_training_that_was_interrupted_is_said_first(copy: Path, tmp_path: Path) -> None:
    history = copy / "train" / "history.jsonl"
    history.write_text(history.read_text().splitlines()[0] + "\n")
    sentence = (
        "The training is not finished: it was interrupted after 1 of 2 epochs, and the weights are those of epoch 1."
    )
    evaluated = lwmisn("evaluate", copy)
    assert evaluated.code == 0 and evaluated.out.startswith(f"{sentence}\n")
    remedy = f"The figures are of these weights: lwmisn train {copy} --resume finishes it."
    assert evaluated.err.startswith(f"lwmisn: warning: {sentence} {remedy}\n")
    bundled = lwmisn("bundle", copy, "-o", tmp_path / "bundle")
    assert bundled.code == 0 and bundled.err.startswith(f"lwmisn: warning: {sentence} The bundle has these weights: ")
    card = (tmp_path / "bundle" / "docs" / "README.md").read_text().replace("\n", " ")
    assert card.index(sentence) < card.index("## Use")


def test_other_parts_and_other_data_are_measured_beside_the_test_part(copy: Path, data: Path) -> None:
    assert lwmisn("evaluate", copy, "--split", "all").code == 0
    assert len(json.loads((copy / "evaluation" / "all" / "metrics.json").read_text())["cases"]) == 9
    assert lwmisn("evaluate", copy, "--data", data).code == 0
    other = json.loads((copy / "evaluation" / "other-images" / "metrics.json").read_text())
    assert len(other["cases"]) == 9 and other["split"] == "other"
    assert not (copy / "evaluation" / "metrics.json").exists()


def test_a_setting_of_an_evaluation_is_for_this_time_only(copy: Path) -> None:
    before = (copy / "configs" / "evaluate.json").read_bytes()
    assert lwmisn("evaluate", copy, "--set", "inference.test_time_flips=[0]").code == 0
    assert (copy / "configs" / "evaluate.json").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["--preset", "nuclie"], "the nearest is 'nuclei'"),
        (["--preset", "nuclei", "--variant", "heavy"], "no variant 'heavy': use light or paper"),
        (["--preset", "nuclei", "--set", "serach.epochs=3"], "the nearest is 'search.epochs'"),
        (["--preset", "nuclei", "--set", "search.epochs=many"], "search.epochs cannot be set to"),
        (["--preset", "nuclei", "--set", "search.epochs=2.5"], "search.epochs cannot be set to 2.5"),
        (["--preset", "nuclei", "--set", "search_epochs"], "not KEY=VALUE"),
        (["--preset", "nuclei", "--set", "search.mode=foo"], "use one of full, partial, pair, single"),
        (["--preset", "nuclei", "--set", "search.search_space=foo"], "use one of"),
        (["--preset", "nuclei", "--set", 'architecture.skip=["add","foo"]'], "use one of concatenate, add, none"),
        (["--preset", "nuclei", "--set", "search.alpha_groups=foo"], "use one of shared, stages"),
        (["--preset", "nuclei", "--set", "search.budget_params=0"], "give a number above 0"),
        (["--preset", "nuclei", "--budget", "weight=3kg"], "is not understood"),
        (["--preset", "nuclei", "--budget", "params=10"], "params=1e-05M"),
        (["--preset", "nuclei", "--set", "data.split_by=colour"], "colour"),
        (["--preset", "nuclei", "--data", "nowhere"], "nowhere"),
        (["--preset", "liver_ct"], "images"),
    ],
)
def test_wrong_input_to_a_search_gets_one_sentence_and_leaves_nothing(
    data: Path, tmp_path: Path, settings: list[str], sentence: str
) -> None:
    outcome = lwmisn("search", "--data", data, "--out", tmp_path / "run", *SMALL, *settings)
    assert outcome.code == 2, outcome
    assert is_one_sentence(outcome.err.splitlines(keepends=True)[-1]) and sentence in outcome.err
    assert not (tmp_path / "run").exists()


def test_an_occupied_run_is_not_searched_or_trained_again(trained: Path, data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    again = lwmisn("search", "--preset", "nuclei", "--data", data, "--out", trained)
    assert again.code == 2 and "is not empty" in again.err and "--resume" in again.err
    again = lwmisn("train", trained)
    assert again.code == 2 and "has been trained" in again.err and "--resume" in again.err
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


def test_a_truncated_checkpoint_is_named(copy: Path) -> None:
    checkpoint = copy / "train" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    outcome = lwmisn("train", copy, "--resume")
    assert outcome.code == 2 and "train/checkpoint.pt" in outcome.err and "truncated" in outcome.err


def test_random_search_gives_a_genotype_by_its_seed(data: Path, tmp_path: Path) -> None:
    genotypes = []
    for seed in (1, 1, 2):
        run = tmp_path / f"run{len(genotypes)}"
        outcome = lwmisn(
            *("search", "--preset", "nuclei", "--data", data, "--out", run, "--strategy", "random"),
            *(*NETWORK, "--set", f"search.genotype_seed={seed}"),
        )
        assert outcome.code == 0, outcome.err
        genotypes.append(json.loads((run / "genotype.json").read_text()))
    assert genotypes[0] == genotypes[1] != genotypes[2]


def test_a_given_genotype_makes_a_run_of_its_own(trained: Path, data: Path, tmp_path: Path) -> None:
    search = ("search", "--data", data, "--out", tmp_path / "run", "--genotype", trained / "genotype.json")
    outcome = lwmisn(*search, "--preset", "nuclei", "--set", "data.folds=3", "--set", "data.fold=1")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "run" / "genotype.json").read_bytes() == (trained / "genotype.json").read_bytes()
    assert json.loads((tmp_path / "run" / "datalist.json").read_text())["split"]["fold"] == 1
    shutil.rmtree(tmp_path / "run")
    outcome = lwmisn(*search, "--preset", "nuclei", "--set", "data.out_channels=3")
    assert outcome.code == 2 and "data.out_channels is 3, but data.label_names has 1 class" in outcome.err
    assert not (tmp_path / "run").exists()


def test_a_budget_is_kept(data: Path, tmp_path: Path) -> None:
    outcome = lwmisn(
        *("search", "--preset", "nuclei", "--data", data, "--out", tmp_path / "run", *SMALL),
        *("--budget", "params=3k,macs=0.02G"),
    )
    assert outcome.code == 0, outcome.err
    shown = json.loads(lwmisn("show", tmp_path / "run", "--json").out)
    assert shown["params"] <= 3000 and shown["macs"] <= 2e7


def test_monai_runs_the_same_search_from_the_same_file(trained: Path, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained / "configs", run / "configs")
    monai = process(
        ["monai.bundle", "run", "--config_file", run / "configs" / "search.json", "--bundle_root", run]
        + ["--dataset_dir", data, "--data::num_workers", "0"]
    )
    _, err = monai.communicate(timeout=300)
    assert monai.returncode == 0, err
    assert (run / "genotype.json").read_text() == (trained / "genotype.json").read_text()
    assert losses(run) == pytest.approx(losses(trained), rel=1e-5)


def test_monai_measures_the_same_from_the_same_file(copy: Path) -> None:
    monai = process(["monai.bundle", "run", "--config_file", copy / "configs" / "evaluate.json", "--bundle_root", copy])
    _, err = monai.communicate(timeout=300)
    assert monai.returncode == 0, err
    by_monai = json.loads((copy / "evaluation" / "metrics.json").read_text())
    assert lwmisn("evaluate", copy).code == 0
    by_us = json.loads((copy / "evaluation" / "metrics.json").read_text())
    measured = {"latency_ms", "latency_range_ms", "latency_reliable", "peak_memory_mb"}
    assert set(by_monai) == set(by_us) >= measured
    assert {k: v for k, v in by_monai.items() if k not in measured} == {
        k: v for k, v in by_us.items() if k not in measured
    }


def losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "search" / "history.jsonl").read_text().splitlines()]


def test_two_processes_search_together(data: Path, tmp_path: Path) -> None:
    together = process(
        ["torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "monai_lwmisn"]
        + ["search", "--preset", "nuclei", "--data", data, "--out", tmp_path / "run", *SMALL]
        + ["--set=search.batch_size=1", "--set=data.validation_fraction=0.4"]
    )
    out, err = together.communicate(timeout=300)
    assert together.returncode == 0, err
    assert out.count("The network that was found") == 1
    Genotype.load(tmp_path / "run" / "genotype.json")


@pytest.mark.parametrize("folder", ["file", "missing"])
def test_a_file_that_cannot_be_written_is_named_before_the_evaluation(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("monai_lwmisn.run.evaluate", lambda *_, **__: pytest.fail("it was run"))
    outcome = lwmisn("evaluate", trained, "--json", tmp_path / folder / "figures.json")
    assert outcome.code == 2 and is_one_sentence(outcome.err)
    assert "figures.json" in outcome.err and "make it, or give another file" in outcome.err


@pytest.mark.parametrize("name", ["genotype.json", "datalist.json", "configs/train.json", "evaluation/metrics.json"])
def test_the_metrics_replace_no_file_of_a_run(copy: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (copy / "evaluation").mkdir(exist_ok=True)
    (copy / "evaluation/metrics.json").write_text('{"mean": {}, "cases": [], "split": "test"}')
    before = (copy / name).read_bytes()
    monkeypatch.setattr("monai_lwmisn.run.evaluate", lambda *_, **__: pytest.fail("it was run"))
    outcome = lwmisn("evaluate", copy, "--json", copy / name)
    assert outcome.code == 2 and is_one_sentence(outcome.err) and "holds something else" in outcome.err
    assert (copy / name).read_bytes() == before


@pytest.mark.parametrize("command", ["search", "train", "evaluate"])
def test_the_help_has_the_settings_with_units_and_defaults(command: str) -> None:
    help_ = lwmisn(command, "--help").out
    assert "settings for --set, with their defaults" in help_ and "data.num_workers" in help_
    if command == "train":
        default = all_settings()["train.epochs"].default
        assert re.search(rf"train\.epochs +epochs \({default}\)\n", help_)
