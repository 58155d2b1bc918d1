"""What all commands share: one sentence for an error, exit codes, Ctrl-C, help."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monai_lwmisn import __version__
from monai_lwmisn.config import RUN_STAGES, resolve, write_configs
from tests.cli.commands import SMALL, is_one_sentence, lwmisn, process


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["train", "RUN"], r"RUN does not exist: give a run folder"),
        (["evaluate", "RUN"], r"RUN does not exist: give a run folder"),
        (["bundle", "RUN", "-o", "BUNDLE"], r"RUN does not exist: give a run folder"),
        (["segment", "RUN", "a.png", "-o", "masks"], r"RUN does not exist: give a bundle"),
        (["verify", "RUN"], r"RUN does not exist: give a bundle"),
        (["show", "RUN"], "cannot be read as a genotype"),
        (["search", "--out", "RUN", "--resume"], "RUN does not exist"),
        (["search", "--out", "RUN"], "both --preset and --data"),
        (["phantom", "RUN", "--cases", "0"], "0 cases"),
        (["phantom", "RUN", "--seed", "-1"], "give a whole number from 0 on"),
        (["check-data", "--preset", "nuclei", "--data", "RUN"], "RUN"),
        (["report", "RUN", "-o", "report.md"], "has no comparison.json"),
        (["compare", "--preset", "nuclei", "--data", "RUN", "--out", "RUN", "--models", "unnet"], "nearest is 'unet'"),
        (
            ["compare", "--preset", "hippocampus_mr", "--data", "RUN", "--out", "RUN", "--protocol", "paper"],
            "The preset 'hippocampus_mr' has no protocol 'paper': use full or small.",
        ),
        (["compare", "--preset", "RUN", "--data", "RUN", "--out", "RUN"], "There is no protocol for the preset"),
        (["compare", "--preset", "nuclei", "--data", "RUN", "--out", "RUN", "--seeds", "0"], "--seeds is 0"),
    ],
)
def test_a_run_or_data_set_that_does_not_exist_is_named(tmp_path: Path, command: list[str], sentence: str) -> None:
    outcome = lwmisn(*[tmp_path / "RUN" if word == "RUN" else word for word in command])
    assert outcome.code == 2
    assert is_one_sentence(outcome.err) or outcome.err.startswith("usage: ")
    assert sentence in outcome.err
    assert not list(tmp_path.iterdir())


def test_control_c_keeps_the_checkpoint_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    search = process(
        ["monai_lwmisn", "search", "--preset", "nuclei", "--data", data, "--out", run, *SMALL]
        + ["--set=search.epochs=500"]
    )
    assert search.stdout is not None
    while not (line := search.stdout.readline()).startswith("epoch 1/500"):
        assert line or search.poll() is None
    search.send_signal(signal.SIGINT)
    _, err = search.communicate(timeout=120)
    assert search.returncode == 130
    assert err.splitlines()[-1] == (
        f"lwmisn: interrupted; the last finished epoch is saved, resume with: lwmisn search --out {run} --resume."
    )
    assert (run / "search" / "checkpoint.pt").exists() and "Traceback" not in err and "terminating" not in err


def test_an_error_of_a_library_is_one_sentence_with_its_details_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        try:
            raise ZeroDivisionError("division by zero")
        except ZeroDivisionError as error:
            raise RuntimeError("Failed to evaluate\nConfigExpression ...") from error

    monkeypatch.setattr("monai_lwmisn.run.execute", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outcome = lwmisn("search", "--preset", "nuclei", "--data", tmp_path, "--out", tmp_path / "run")
    (log,) = tmp_path.glob("lwmisn-*.log")
    assert outcome.code == 1
    assert outcome.err == f"lwmisn: unexpected error (division by zero): report it with {log}.\n"
    assert "Traceback" in log.read_text()
    assert "Traceback" in lwmisn("search", "--preset", "nuclei", "--data", tmp_path, "--out", "run", "--debug").err


@pytest.mark.parametrize("command", ["label restore --debug", "label --debug restore"])
def test_debug_may_stand_before_an_action_or_after_it(tmp_path: Path, command: str) -> None:
    assert "Traceback" in lwmisn(*command.split(), "prostate", "--app", tmp_path).err
    assert is_one_sentence(lwmisn("label", "restore", "prostate", "--app", tmp_path).err)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_no_terminal_can_show_is_written_with_its_bytes(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    made = process(["monai_lwmisn", "phantom", folder, "--cases", 1, "--size", 32])
    out, err = made.communicate(timeout=300)
    assert (made.returncode, err) == (0, "") and rf"{tmp_path}/\udcff" in out


def test_an_error_of_the_system_without_a_file_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("monai_lwmisn.studies.table1.table1", full)
    assert lwmisn("table1") == (
        2,
        "",
        "lwmisn: a file cannot be written or read (No space left on device): "
        "free some space or change the permissions, then try again.\n",
    )


COMMANDS = [
    *(
        "search",
        "train",
        "evaluate",
        "bundle",
        "verify",
        "segment",
        "predict",
        "label",
        "label serve",
        "label restore",
        "convert",
    ),
    *("show", "table1", "baselines", "compare", "report", "check-data", "phantom"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    outcome = lwmisn(*command.split(), "--help")
    name = "segment" if command == "predict" else command
    assert outcome.code == 0 and outcome.out.startswith(f"usage: lwmisn {name}")


def test_the_help_opens_with_an_example_of_commands_that_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    text = lwmisn("--help").out
    example = re.findall(r"^  lwmisn (.+)$", text, re.MULTILINE)
    assert [line.split()[0] for line in example] == ["auto", "segment"]
    for line in example:
        outcome = lwmisn(*line.split())
        assert outcome.code == 2 and is_one_sentence(outcome.err), outcome  # nothing is there, but all is understood
    places = [text.index(f"\n{heading}") for heading in ("your data:", "look:", "more:", "study (")]
    assert places == sorted(places)
    commands = [text.index(f"\n  {command} ") for command in ("segment (predict)", "verify", "label", "table1")]
    assert sorted([*places, *commands]) == [place for pair in zip(places, commands, strict=True) for place in pair]


@pytest.mark.parametrize(
    ("command", "place", "way"),
    [
        ("search --out RUN", "", "no epoch was finished, so that nothing is kept: run the command again"),
        ("search --out RUN", "search/checkpoint.pt", "resume with: lwmisn search --out RUN --resume"),
        ("train RUN", "", "no epoch was finished, so that nothing is kept: run the command again"),
        ("train RUN", "train/checkpoint.pt", "resume with: lwmisn train RUN --resume"),
        ("evaluate RUN", "", "no new metrics were written: run the command again"),
        ("segment B a.png -o RUN/masks", "", "there is no mask yet"),
        ("segment B a.png -o RUN/masks", "masks/a_seg.png", "there is no mask yet."),
        ("segment B a.tif -o RUN/masks", "masks/.partial.a_seg.ome.tif.work/job.json", "same command goes on with the"),
        ("label serve --studies RUN", "", "labels are in RUN, the bundles with what they learned in label-app"),
        ("compare --preset nuclei --data D --out RUN", "comparison.json", "the same command and --resume"),
    ],
)
def test_an_interruption_says_what_is_kept_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, place: str, way: str
) -> None:
    def interrupt(arguments: object) -> None:
        raise KeyboardInterrupt

    for module, name in (
        *(("runs", f"_{stage}") for stage in ("search", "train", "evaluate")),
        *(("bundles", "_segment"), ("label", "_serve"), ("studies", "_compare")),
    ):
        monkeypatch.setattr(f"monai_lwmisn.cli.{module}.{name}", interrupt)
    run = tmp_path / "run"
    if place:
        (run / place).parent.mkdir(parents=True)
        (run / place).touch()
    outcome = lwmisn(*command.replace("RUN", str(run)).split())
    assert outcome.code == 130 and is_one_sentence(outcome.err)
    assert outcome.err.startswith("lwmisn: interrupted; ") and way.replace("RUN", str(run)) in outcome.err


@pytest.mark.parametrize("stage", ["search", "train"])
def test_short_options_are_settings(stage: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    own = ["--preset", "nuclei", "--data", tmp_path, "--out", run]
    if stage == "train":
        own, configs = [run], resolve("nuclei")
        write_configs(run, {name: configs[name] for name in RUN_STAGES})
    for option, setting in (
        ("--epochs", f"{stage}.epochs"),
        ("--batch", f"{stage}.batch_size"),
        ("--device", "device"),
    ):
        short = lwmisn(stage, *own, option, "[]")
        assert short.code == 2 and f"{setting} " in short.err
        assert short == lwmisn(stage, *own, "--set", f"{setting}=[]")


def test_help_version_and_misuse_answer_without_loading_torch() -> None:
    for arguments, code in ((["--help"], 0), (["--version"], 0), (["serach"], 2), ([], 2)):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "monai_lwmisn", *arguments], capture_output=True, text=True
        )
        assert done.returncode == code
        assert " torch\n" not in done.stderr
        if arguments == ["--version"]:
            assert done.stdout == f"lwmisn {__version__}\n"
