"""Commands that are killed, whose disk is full, or that meet in one folder.

`benchmarks/kill.py` does the same at more moments, with comparisons and real disks.
"""

import signal
from pathlib import Path

import pytest

from monai_lwmisn.locks import LOCK, only_maker, only_writer
from monai_lwmisn.networks.weights import load_checkpoint
from tests.cli.commands import SMALL, is_one_sentence, lwmisn
from tests.engines.processes import run_process
from tests.faults import lwmisn_with_fault, result_of

IN_ONE_PROCESS = "--set=data.num_workers=0"


def search(data: Path, run: Path, *more: str) -> list[object]:
    return ["search", "--preset", "nuclei", "--data", data, "--out", run, *SMALL, IN_ONE_PROCESS, *more]


def fault(kind: str, at: int, folder: Path, *arguments: object) -> int | None:
    return run_process(lwmisn_with_fault, kind, at, folder, folder, *arguments)


def steps(folder: Path) -> int:
    return int(Path(f"{folder}.steps").read_text())


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a fault, and how many steps its two stages have."""
    run = tmp_path_factory.mktemp("whole") / "run"
    assert fault("count", 0, run, *search(data, run)) == 0
    assert fault("count", 0, run, "train", run) == 0
    return run


def check_same(run: Path, whole: Path) -> None:
    expected, found = result_of(whole), result_of(run)
    assert [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)] == []
    assert not [path for path in run.rglob("*") if path.name == LOCK or path.suffix == ".partial"]


def test_killed_again_and_again_the_same_command_gives_the_same_result(data: Path, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    # In the first configuration, in the datalist, in the first checkpoint and in a later file.
    for at in (2, 14, 31, 26):
        assert fault("kill", at, run, *search(data, run)) == -signal.SIGKILL
    assert fault("count", 0, run, *search(data, run)) == 0
    for at in (4, 30, 25):
        assert fault("kill", at, run, "train", run) == -signal.SIGKILL
    assert fault("count", 0, run, "train", run) == 0
    check_same(run, whole)


def test_a_killed_search_does_not_go_on_with_other_settings(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert fault("kill", 31, run, *search(data, run)) == -signal.SIGKILL
    (run / "search").mkdir(exist_ok=True)
    (run / "search" / "checkpoint.pt").touch()
    outcome = lwmisn(*search(data, run, "--set=search.epochs=1"))
    assert outcome.code == 2 and "is not empty: give a new --out, or add --resume" in outcome.err
    (run / "search" / "checkpoint.pt").unlink()
    (run / "notes.txt").touch()  # whose it is, nobody knows
    outcome = lwmisn(*search(data, run))
    assert outcome.code == 2 and "is not empty" in outcome.err and (run / "notes.txt").exists()


def test_a_full_disk_is_said_and_what_was_there_stays(data: Path, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for at, begun in ((20, False), (45, True)):
        assert fault("full", at, run, *search(data, run)) == 2
        said = Path(f"{run}.log").read_text().splitlines()[-1] + "\n"
        assert "cannot be written (No space left on device)" in said and is_one_sentence(said)
        assert run.exists() == begun
    assert load_checkpoint(run / "search" / "checkpoint.pt")["epoch"] == 1
    assert fault("count", 0, run, *search(data, run, "--resume")) == 0
    expected = result_of(whole)
    assert all(expected[name] == content for name, content in result_of(run).items())


def test_a_killed_bundle_leaves_the_old_one_or_none_and_is_made_again(whole: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    make = ("bundle", whole, "-o", bundle)
    assert fault("count", 0, bundle, *make) == 0
    expected = result_of(bundle)
    assert fault("count", 0, bundle, *make) == 0, "it replaces the old one"
    for at in range(steps(bundle) // 2, steps(bundle), steps(bundle) // 5):
        assert fault("kill", at, bundle, *make) == -signal.SIGKILL
        assert not bundle.exists() or result_of(bundle) == expected
    assert fault("count", 0, bundle, *make) == 0
    assert result_of(bundle) == expected
    assert not [path for path in tmp_path.iterdir() if ".partial" in path.name]


@pytest.mark.parametrize("command", ["search", "search --resume", "train", "evaluate", "bundle", "compare", "segment"])
def test_a_second_command_in_one_folder_is_refused(
    data: Path, copy: Path, bundle: Path, tmp_path: Path, command: str
) -> None:
    out = {"bundle": tmp_path / "made", "evaluate": copy / "evaluation"}.get(command, copy)
    arguments: dict[str, list[object]] = {
        "search": search(data, out),
        "search --resume": ["search", "--out", out, "--resume"],
        "train": ["train", out],
        "evaluate": ["evaluate", copy],
        "bundle": ["bundle", copy, "-o", out],
        "compare": ["compare", "--preset", "nuclei", "--data", data, "--out", out, "--models", "unet"],
        "segment": ["segment", bundle, data, "-o", out],
    }
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()}
    with only_maker(out) if command == "bundle" else only_writer(out):
        outcome = lwmisn(*arguments[command])
    assert outcome.code == 2 and is_one_sentence(outcome.err), outcome.err
    assert f"{out} is being written to by another program: wait until that has ended" in outcome.err
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()} == before
