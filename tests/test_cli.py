"""`lwmisn` as a user calls it: what it prints, writes and refuses, and with which exit code."""

import contextlib
import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from monai_lwmisn import __version__, cli
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.workflow.settings import CONFIGS

# A search small enough for a test: cells of four channels per node, two epochs, whole images of 64x64.
NETWORK = [
    "--set=node_width=[4,4]",
    "--set=encoder_cells=1",
    "--set=middle_cells=1",
    "--set=decoder_cells=1",
]
SMALL = [
    *NETWORK,
    "--set=augmentation=[]",
    "--set=search_epochs=2",
    "--set=search_warmup_epochs=1",
    "--set=train_epochs=2",
    "--set=val_interval=1",
    "--set=lambda_latency=0",  # or every operation is timed first
    "--set=device=cpu",
]


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def lwmisn(*arguments: object) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def process(command: Sequence[object]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "images"
    assert lwmisn("phantom", folder, "--cases", 9, "--size", 64, "--seed", 1).code == 0
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "nuclei"
    assert lwmisn("search", "--preset", "nuclei", "--data", data, "--out", run, *SMALL).code == 0
    assert lwmisn("train", run).code == 0
    return run


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_search_leaves_a_run_folder_with_a_network_within_its_settings(trained: Path) -> None:
    genotype = Genotype.load(trained / "genotype.json")
    assert genotype.node_width == (4, 4) and genotype.cells == {"encoder": 1, "middle": 1, "decoder": 1}
    assert (genotype.in_channels, genotype.out_channels) == (3, 1)
    assert len((trained / "search" / "history.jsonl").read_text().splitlines()) == 2
    datalist = json.loads((trained / "datalist.json").read_text())
    assert sum(len(datalist[part]) for part in ("training", "validation", "test")) == 9


def test_the_run_moves_with_its_folder_and_evaluates_to_the_stable_json(copy: Path, tmp_path: Path) -> None:
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
    assert f"dsc       {figures['mean']['dsc']:.4f}" in outcome.out
    assert outcome.out.endswith(f"The figures of each case, and pictures: {copy / 'evaluation'}\n")
    with Image.open(copy / "evaluation" / "overlays.png") as picture:
        assert min(picture.size) > 100


def test_other_parts_and_other_data_are_measured_beside_the_test_part(copy: Path, data: Path) -> None:
    assert lwmisn("evaluate", copy, "--split", "all").code == 0
    assert len(json.loads((copy / "evaluation" / "all" / "metrics.json").read_text())["cases"]) == 9
    assert lwmisn("evaluate", copy, "--data", data).code == 0
    other = json.loads((copy / "evaluation" / "other-images" / "metrics.json").read_text())
    assert len(other["cases"]) == 9 and other["split"] == "other"
    assert not (copy / "evaluation" / "metrics.json").exists()


def test_a_setting_of_an_evaluation_is_for_this_time_only(copy: Path) -> None:
    before = (copy / "configs" / "evaluate.json").read_bytes()
    assert lwmisn("evaluate", copy, "--set", "test_time_flips=[0]").code == 0
    assert (copy / "configs" / "evaluate.json").read_bytes() == before


def test_show_gives_the_stable_json_and_draws(trained: Path, tmp_path: Path) -> None:
    outcome = lwmisn("show", trained, "--json", "-o", tmp_path / "cell.svg")
    assert outcome.code == 0, outcome.err
    shown = json.loads(outcome.out)
    assert set(shown) == {"params", "macs", "latency_ms", "peak_memory_mb", "genotype"}
    assert shown["genotype"] == json.loads((trained / "genotype.json").read_text())
    assert isinstance(shown["params"], int) and isinstance(shown["macs"], int)
    assert (tmp_path / "cell.svg").read_text().lstrip().startswith("<?xml")


def test_show_says_the_same_with_units(trained: Path) -> None:
    outcome = lwmisn("show", trained / "genotype.json", "--threads", 1)
    assert outcome.code == 0
    for word in ("parameters", "multiply-accumulates", " ms ", " MB ", "-> node 3"):
        assert word in outcome.out


def test_table1_is_a_list_of_plain_numbers() -> None:
    rows = json.loads(lwmisn("table1", "--json").out)
    assert [set(row) for row in rows] == [{"name", "params", "macs", "paper_params", "paper_macs"}] * len(rows)
    assert {row["name"]: row["params"] for row in rows}["separable_conv_3x3"] == 2880
    assert "separable_conv_3x3" in lwmisn("table1").out


def test_baselines_are_a_list_of_plain_numbers() -> None:
    rows = json.loads(lwmisn("baselines", "--json").out)
    assert {"unet", "nas_unet", "unext_s", "nnunet_2d"} <= {row["name"] for row in rows}
    for row in rows:
        assert set(row) == {"name", "source", "params", "macs", "macs_thop", "licence"}
        assert all(isinstance(row[count], int) for count in ("params", "macs", "macs_thop"))


def test_a_comparison_with_a_network_that_failed_ends_with_code_1(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = {"unet": "seed 0: no room"}
    monkeypatch.setattr("monai_lwmisn.comparison.compare.Comparison.run", lambda self, entrants: failures)
    command = ["compare", "--preset", "nuclei", "--data", data, "--out", tmp_path / "out", "--models", "unet,unext_s"]
    outcome = lwmisn(*command)
    assert outcome.code == 1 and "1 of 2 networks failed: unet" in outcome.err and is_one_sentence(outcome.err)
    assert lwmisn(*command).code == 2
    failures.clear()
    assert lwmisn(*command, "--resume").code == 0


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
    assert "problem: " in outcome.out and broken.name in outcome.out and broken.name in outcome.err


def is_one_sentence(text: str) -> bool:
    return text.startswith("lwmisn: ") and text.count("\n") == 1 and "Traceback" not in text


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["--preset", "nuclie"], "the nearest is 'nuclei'"),
        (["--preset", "nuclei", "--variant", "heavy"], "no variant 'heavy': use light or paper"),
        (["--preset", "nuclei", "--set", "serach_epochs=3"], "the nearest is 'search_epochs'"),
        (["--preset", "nuclei", "--set", "search_epochs=many"], "search_epochs cannot be set to"),
        (["--preset", "nuclei", "--set", "search_epochs=2.5"], "search_epochs cannot be set to 2.5"),
        (["--preset", "nuclei", "--set", "search_epochs"], "not KEY=VALUE"),
        (["--preset", "nuclei", "--set", "search_mode=foo"], "use one of full, partial, single"),
        (["--preset", "nuclei", "--set", "search_space=foo"], "use one of"),
        (["--preset", "nuclei", "--set", "alpha_groups=foo"], "use one of shared, stages"),
        (["--preset", "nuclei", "--set", "budget_params=0"], "give a number above 0"),
        (["--preset", "nuclei", "--budget", "weight=3kg"], "is not understood"),
        (["--preset", "nuclei", "--budget", "params=10"], "params=1e-05M"),
        (["--preset", "nuclei", "--set", "split_by=colour"], "colour"),
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


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["train", "RUN"], r"has no configs/"),
        (["evaluate", "RUN"], r"has no configs/evaluate.json"),
        (["show", "RUN"], "cannot be read as a genotype"),
        (["search", "--out", "RUN", "--resume"], "has no configs/"),
        (["search", "--out", "RUN"], "both --preset and --data"),
        (["phantom", "RUN", "--cases", "0"], "0 cases"),
        (["phantom", "RUN", "--seed", "-1"], "give a whole number from 0 on"),
        (["check-data", "--preset", "nuclei", "--data", "RUN"], "RUN"),
        (["report", "RUN", "-o", "report.md"], "has no comparison.json"),
        (["compare", "--preset", "nuclei", "--data", "RUN", "--out", "RUN", "--models", "unnet"], "nearest is 'unet'"),
        (
            ["compare", "--preset", "hippocampus_mr", "--data", "RUN", "--out", "RUN"],
            "no protocol for the preset 'hippo",
        ),
        (["compare", "--preset", "nuclei", "--data", "RUN", "--out", "RUN", "--seeds", "0"], "--seeds is 0"),
    ],
)
def test_a_run_or_data_set_that_does_not_exist_is_named(tmp_path: Path, command: list[str], sentence: str) -> None:
    outcome = lwmisn(*[tmp_path / "RUN" if word == "RUN" else word for word in command])
    assert outcome.code == 2
    assert is_one_sentence(outcome.err) or outcome.err.startswith("usage: ")
    assert sentence in outcome.err
    assert not list(tmp_path.iterdir())


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
            *(*NETWORK, "--set", f"genotype_seed={seed}"),
        )
        assert outcome.code == 0, outcome.err
        genotypes.append(json.loads((run / "genotype.json").read_text()))
    assert genotypes[0] == genotypes[1] != genotypes[2]


def test_a_given_genotype_makes_a_run_of_its_own(trained: Path, data: Path, tmp_path: Path) -> None:
    search = ("search", "--data", data, "--out", tmp_path / "run", "--genotype", trained / "genotype.json")
    outcome = lwmisn(*search, "--preset", "nuclei", "--set", "folds=3", "--set", "fold=1")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "run" / "genotype.json").read_bytes() == (trained / "genotype.json").read_bytes()
    assert json.loads((tmp_path / "run" / "datalist.json").read_text())["split"]["fold"] == 1
    shutil.rmtree(tmp_path / "run")
    outcome = lwmisn(*search, "--preset", "prostate_mr")
    assert outcome.code == 2 and "takes 3 and gives 1 channels" in outcome.err
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
        + ["--dataset_dir", data]
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
    measured = {"latency_ms", "peak_memory_mb"}
    assert set(by_monai) == set(by_us) >= measured
    assert {k: v for k, v in by_monai.items() if k not in measured} == {
        k: v for k, v in by_us.items() if k not in measured
    }


def losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "search" / "history.jsonl").read_text().splitlines()]


def test_control_c_keeps_the_checkpoint_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    search = process(
        ["monai_lwmisn", "search", "--preset", "nuclei", "--data", data, "--out", run, *SMALL]
        + ["--set=search_epochs=500"]
    )
    assert search.stdout is not None
    while not (line := search.stdout.readline()).startswith("epoch 1/500"):
        assert line or search.poll() is None
    search.send_signal(signal.SIGINT)
    _, err = search.communicate(timeout=120)
    assert search.returncode == 130
    assert err.splitlines()[-1] == (
        f"lwmisn: interrupted; the last finished epoch is kept, go on with: lwmisn search --out {run} --resume."
    )
    assert (run / "search" / "checkpoint.pt").exists() and "Traceback" not in err


def test_two_processes_search_together(data: Path, tmp_path: Path) -> None:
    together = process(
        ["torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "monai_lwmisn"]
        + ["search", "--preset", "nuclei", "--data", data, "--out", tmp_path / "run", *SMALL]
        + ["--set=search_batch_size=1", "--set=validation_fraction=0.4"]
    )
    out, err = together.communicate(timeout=300)
    assert together.returncode == 0, err
    assert out.count("The network found") == 1
    Genotype.load(tmp_path / "run" / "genotype.json")


def test_an_error_of_a_library_is_one_sentence_with_its_details_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        try:
            raise ZeroDivisionError("division by zero")
        except ZeroDivisionError as error:
            raise RuntimeError("Failed to evaluate\nConfigExpression ...") from error

    monkeypatch.setattr("monai_lwmisn.workflow.run_folder.execute", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outcome = lwmisn("search", "--preset", "nuclei", "--data", tmp_path, "--out", tmp_path / "run")
    (log,) = tmp_path.glob("lwmisn-*.log")
    assert outcome.code == 1
    assert outcome.err == f"lwmisn: stopped by ZeroDivisionError (division by zero); the details are in {log}.\n"
    assert "Traceback" in log.read_text()
    assert "Traceback" in lwmisn("search", "--preset", "nuclei", "--data", tmp_path, "--out", "run", "--debug").err


@pytest.mark.parametrize("folder", ["file", "missing"])
def test_a_file_that_cannot_be_written_is_named_before_the_evaluation(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("monai_lwmisn.workflow.evaluation.evaluate", lambda *_, **__: pytest.fail("it was run"))
    outcome = lwmisn("evaluate", trained, "--json", tmp_path / folder / "figures.json")
    assert outcome.code == 2 and is_one_sentence(outcome.err)
    assert "figures.json" in outcome.err and "make it, or give another file" in outcome.err


def test_show_refuses_a_drawing_that_cannot_be_written_and_no_threads(trained: Path, tmp_path: Path) -> None:
    outcome = lwmisn("show", trained, "-o", tmp_path / "missing" / "cell.svg")
    assert outcome.code == 2 and is_one_sentence(outcome.err) and "make it, or give another file" in outcome.err
    outcome = lwmisn("show", trained, "--threads", 0)
    assert outcome.code == 2 and "0 is no number of threads: give a whole number from 1 on" in outcome.err


def test_a_bundle_that_cannot_be_written_has_a_remedy(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = lwmisn("bundle", trained, "-o", tmp_path / "file" / "bundle")
    assert outcome.code == 2 and is_one_sentence(outcome.err)
    assert str(tmp_path / "file") in outcome.err and "check its path and permissions" in outcome.err


def test_an_error_of_the_system_without_a_file_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("monai_lwmisn.report.table1.table1", full)
    assert lwmisn("table1") == (
        2,
        "",
        "lwmisn: a file cannot be written or read (No space left on device): "
        "free some space or mend the permissions, then try again.\n",
    )


@pytest.mark.parametrize("command", ["search", "train", "evaluate"])
def test_the_help_has_the_settings_with_units_and_defaults(command: str) -> None:
    help_ = lwmisn(command, "--help").out
    assert "most used keys of --set, with their defaults" in help_ and "num_workers" in help_
    if command == "search":
        default = json.loads((CONFIGS / "presets" / "nuclei_light.json").read_text())["budget_params"]
        assert re.search(rf"budget_params +{default} +parameters, at most\n", help_)


COMMANDS = ["search", "train", "evaluate", "show", "table1", "check-data", "phantom", "baselines", "compare", "report"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    outcome = lwmisn(command, "--help")
    assert outcome.code == 0 and outcome.out.startswith(f"usage: lwmisn {command}")


def test_help_version_and_misuse_answer_without_loading_torch() -> None:
    for arguments, code in ((["--help"], 0), (["--version"], 0), (["serach"], 2), ([], 2)):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "monai_lwmisn", *arguments], capture_output=True, text=True
        )
        assert done.returncode == code
        assert " torch\n" not in done.stderr
        if arguments == ["--version"]:
            assert done.stdout == f"lwmisn {__version__}\n"
