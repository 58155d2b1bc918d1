"""What the steps of a run refuse, keep and remove; the workflows themselves are replaced by what they leave behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monai_lwmisn import run as run_folder
from monai_lwmisn.bundle.write import write_bundle
from monai_lwmisn.errors import ConfigError, DataError
from tests.networks.small import small_genotype


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


class Workflow:
    """Stands in for the execution of a workflow: leaves files as one does, then ends as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.epochs, self.checkpoint = 1, True
        self.end: Callable[[], None] = lambda: None
        monkeypatch.setattr(run_folder, "execute", self)

    def __call__(self, config_file: Path, **runtime: Any) -> None:
        stage, config = config_file.stem, json.loads(config_file.read_text())
        self.calls.append((stage, config | runtime))
        run = Path((config | runtime)["bundle_root"])
        (run / stage).mkdir(exist_ok=True)
        if stage == "train":
            (run / "models").mkdir(exist_ok=True)
        if stage == "search" and self.epochs:
            small_genotype().save(run / "genotype.json")
        if self.checkpoint:
            (run / stage / "checkpoint.pt").touch()
        lines = [json.dumps({"epoch": epoch + 1, "seconds": 1.0}) for epoch in range(self.epochs)]
        (run / stage / "history.jsonl").write_text("".join(f"{line}\n" for line in lines))
        self.end()


@pytest.fixture
def workflow(monkeypatch: pytest.MonkeyPatch) -> Workflow:
    return Workflow(monkeypatch)


def fail() -> None:
    raise DataError("The image x.png cannot be read; download it again.")


def interrupt() -> None:
    raise KeyboardInterrupt


def test_a_search_writes_three_complete_configurations_and_runs_the_first(
    tmp_path: Path, data: Path, workflow: Workflow
) -> None:
    run = tmp_path / "runs" / "one"
    run_folder.search(run, preset="nuclei", data=data, settings={"search.seed": 3})
    ((stage, used),) = workflow.calls
    assert stage == "search" and used["resume"] is False and used["search"]["seed"] == 3
    for name in ("search", "train", "evaluate"):
        written = json.loads((run / "configs" / f"{name}.json").read_text())
        assert (written["bundle_root"], written["dataset_dir"]) == (str(run), str(data))
        assert written["preset"] == "nuclei" and "data" in written


def test_a_folder_with_anything_in_it_is_refused_and_left_alone(tmp_path: Path, data: Path, workflow: Workflow) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"run is not empty: give a new --out, or add --resume"):
        run_folder.search(tmp_path / "run", preset="nuclei", data=data)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"] and not workflow.calls


def test_a_new_search_needs_preset_and_data(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both --preset and --data"):
        run_folder.search(tmp_path / "run", preset="nuclei")


@pytest.mark.parametrize("checkpoint", [True, False])
@pytest.mark.parametrize("existing", [True, False])
def test_a_search_that_fails_before_its_first_epoch_leaves_what_was_there(
    tmp_path: Path, data: Path, workflow: Workflow, existing: bool, checkpoint: bool
) -> None:
    run = tmp_path / "run"
    if existing:
        run.mkdir()
    workflow.epochs, workflow.checkpoint, workflow.end = 0, checkpoint, fail
    with pytest.raises(DataError):
        run_folder.search(run, preset="nuclei", data=data)
    assert run.exists() == existing and not list(run.rglob("*"))


def test_a_search_that_fails_later_is_kept_to_resume(tmp_path: Path, data: Path, workflow: Workflow) -> None:
    workflow.epochs, workflow.end = 2, fail
    with pytest.raises(DataError):
        run_folder.search(tmp_path / "run", preset="nuclei", data=data)
    assert (tmp_path / "run" / "search" / "checkpoint.pt").exists()


@pytest.mark.parametrize("checkpoint", [True, False])
def test_an_interrupted_search_is_kept_when_there_is_a_checkpoint(
    tmp_path: Path, data: Path, workflow: Workflow, checkpoint: bool
) -> None:
    workflow.epochs, workflow.checkpoint, workflow.end = 0, checkpoint, interrupt
    with pytest.raises(KeyboardInterrupt):
        run_folder.search(tmp_path / "run", preset="nuclei", data=data)
    assert (tmp_path / "run").exists() == checkpoint


def test_a_resumed_search_takes_preset_and_data_from_the_run_and_new_settings_are_kept(
    tmp_path: Path, data: Path, workflow: Workflow
) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data, settings={"search.seed": 3})
    run_folder.search(run, settings={"search.epochs": 50, "inference.batch_size": 3}, resume=True)
    _, used = workflow.calls[-1]
    assert used["resume"] is True and used["dataset_dir"] == str(data)
    assert (used["search"]["seed"], used["search"]["epochs"]) == (3, 50)
    assert json.loads((run / "configs" / "evaluate.json").read_text())["inference"]["batch_size"] == 3


def test_a_setting_of_the_split_is_refused_once_the_images_are_dealt_out(
    tmp_path: Path, data: Path, workflow: Workflow
) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    run_folder.search(run, settings={"data.test_fraction": 0.5}, resume=True)  # there is no datalist yet
    write_items(run, data)
    with pytest.raises(ConfigError, match="data.test_fraction was used when the images were dealt out"):
        run_folder.search(run, settings={"data.test_fraction": 0.4}, resume=True)


def test_the_command_of_an_interrupted_search_resumes_it(tmp_path: Path, data: Path, workflow: Workflow) -> None:
    """With the settings that it was begun with, those among them that the data gave."""
    run = tmp_path / "run"
    begun = {"data.dataset": "folder", "data.seed": 3, "data.label_names": {"1": "cell"}, "search.epochs": 9}
    run_folder.search(run, preset="nuclei", data=data, settings=begun)
    write_items(run, data)
    run_folder.search(run, preset="nuclei", data=data, settings=begun, resume=True)
    left_to_data = {**begun, "data.label_names": None, "data.in_channels": None}
    run_folder.search(run, preset="nuclei", data=data, settings=left_to_data, resume=True)
    assert [used["resume"] for _, used in workflow.calls] == [False, True, True]
    assert workflow.calls[-1][1]["data"] == workflow.calls[0][1]["data"]
    for changed in ({"data.seed": 4}, {"data.label_names": {"1": "nucleus"}}, {"data.folds": 5}):
        with pytest.raises(ConfigError, match="was used when the images were dealt out"):
            run_folder.search(run, settings={**begun, **changed}, resume=True)


def test_a_search_is_finished_before_its_network_is_trained(tmp_path: Path, data: Path, workflow: Workflow) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    (run / "genotype.json").unlink()
    with pytest.raises(ConfigError, match=r"not finished: finish it first, with lwmisn search --out .*/run --resume"):
        run_folder.train(run)
    assert len(workflow.calls) == 1


def test_a_run_that_is_being_trained_is_not_measured(tmp_path: Path, data: Path, workflow: Workflow) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    refused = []

    def measure() -> None:
        (run / "models" / "model.pt").touch()
        for read in (run_folder.evaluate, lambda run: write_bundle(run, tmp_path / "bundle")):
            with pytest.raises(ConfigError, match="A search or training is writing into .*/run: wait until it has"):
                read(run)
            refused.append(read)

    workflow.end = measure
    run_folder.train(run)
    assert len(refused) == 4 and not (run / "evaluation").exists()  # twice by each stage


def test_a_failed_resumption_removes_nothing(tmp_path: Path, data: Path, workflow: Workflow) -> None:
    run_folder.search(tmp_path / "run", preset="nuclei", data=data)
    workflow.epochs, workflow.end = 0, fail
    with pytest.raises(DataError):
        run_folder.search(tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "search" / "checkpoint.pt").exists()


def test_a_failed_resumption_leaves_the_settings_as_they_were(tmp_path: Path, data: Path, workflow: Workflow) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    before = {path: path.read_bytes() for path in (run / "configs").iterdir()}
    workflow.epochs, workflow.checkpoint, workflow.end = 0, False, fail
    with pytest.raises(DataError):
        run_folder.search(run, settings={"search.epochs": 7}, resume=True)
    assert workflow.calls[-1][1]["search"]["epochs"] == 7
    assert {path: path.read_bytes() for path in (run / "configs").iterdir()} == before


def test_resuming_with_the_same_preset_is_right_and_with_another_refused(
    tmp_path: Path, data: Path, workflow: Workflow
) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    run_folder.search(run, preset="nuclei", variant="light", settings={"search.strategy": "evolve"}, resume=True)
    for asked in ({"preset": "liver_ct"}, {"variant": "paper"}, {"settings": {"search.strategy": "random"}}):
        with pytest.raises(ConfigError, match=r"run was begun with the \w+ '\w+', not '\w+': leave --\w+ out"):
            run_folder.search(run, resume=True, **asked)  # type: ignore[arg-type]
    assert len(workflow.calls) == 2


def write_items(run: Path, data: Path) -> None:
    """A datalist of one image in each part, and its files."""
    datalist = {}
    for part in ("training", "validation", "test"):
        for name in ("image", "label"):
            (data / f"{part}_{name}.png").touch()
        item = {"image": str(data / f"{part}_image.png"), "label": str(data / f"{part}_label.png"), "case": part}
        datalist[part] = [item]
    (run / "datalist.json").write_text(json.dumps(datalist))


def test_a_resumed_search_finds_data_that_has_moved(tmp_path: Path, data: Path, workflow: Workflow) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    write_items(run, data)
    moved = data.rename(tmp_path / "moved")
    run_folder.search(run, data=moved, resume=True)
    items = json.loads((run / "datalist.json").read_text())["training"]
    assert items == [
        {
            "image": str(moved / "training_image.png"),
            "label": str(moved / "training_label.png"),
            "case": "training",
        }
    ]
    assert workflow.calls[-1][1]["dataset_dir"] == str(moved)


def test_data_that_is_incomplete_where_it_was_moved_to_changes_nothing(
    tmp_path: Path, data: Path, workflow: Workflow
) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    write_items(run, data)
    before = {path: path.read_bytes() for path in run.rglob("*.json")}
    moved = data.rename(tmp_path / "moved")
    (moved / "test_label.png").unlink()
    with pytest.raises(DataError, match=r"moved/test_label\.png does not exist"):
        run_folder.search(run, data=moved, resume=True)
    assert len(workflow.calls) == 1 and {path: path.read_bytes() for path in run.rglob("*.json")} == before


def test_resuming_without_a_run_or_without_a_checkpoint_is_refused(
    tmp_path: Path, data: Path, workflow: Workflow
) -> None:
    with pytest.raises(ConfigError, match="run does not exist: give a run folder"):
        run_folder.search(tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()
    run_folder.search(tmp_path / "run", preset="nuclei", data=data)
    with pytest.raises(ConfigError, match=r"no train/checkpoint\.pt to resume from: leave --resume out"):
        run_folder.train(tmp_path / "run", resume=True)


def test_a_training_is_not_begun_twice(tmp_path: Path, data: Path, workflow: Workflow) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    run_folder.train(run, settings={"train.epochs": 4})
    assert json.loads((run / "configs" / "train.json").read_text())["train"]["epochs"] == 4
    with pytest.raises(ConfigError, match="has been trained: add --resume"):
        run_folder.train(run)
    run_folder.train(run, resume=True)
    assert [(stage, used.get("resume"), used.get("run_id")) for stage, used in workflow.calls] == [
        ("search", False, None),
        ("train", False, None),
        ("evaluate", None, "choose"),
        ("train", True, None),
        ("evaluate", None, "choose"),
    ]


def test_a_training_that_fails_before_its_first_epoch_leaves_the_search_only(
    tmp_path: Path, data: Path, workflow: Workflow
) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    workflow.epochs, workflow.end = 0, fail
    with pytest.raises(DataError):
        run_folder.train(run)
    assert not (run / "train").exists() and not (run / "models").exists()
    assert (run / "search" / "checkpoint.pt").exists()


def test_a_training_that_fails_keeps_the_models_and_settings_that_were_there(
    tmp_path: Path, data: Path, workflow: Workflow
) -> None:
    run = tmp_path / "run"
    run_folder.search(run, preset="nuclei", data=data)
    (run / "models").mkdir()
    (run / "models" / "model.pt").write_text("mine")
    before = {path: path.read_bytes() for path in (run / "configs").iterdir()}
    workflow.epochs, workflow.end = 0, fail
    with pytest.raises(DataError):
        run_folder.train(run, settings={"train.epochs": 7})
    assert (run / "models" / "model.pt").read_text() == "mine" and not (run / "train").exists()
    assert {path: path.read_bytes() for path in (run / "configs").iterdir()} == before


def test_only_the_first_of_several_processes_writes_to_the_run(
    tmp_path: Path, data: Path, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "by_the_first_process").touch()
    monkeypatch.setenv("RANK", "1")
    workflow.epochs, workflow.end = 0, fail
    with pytest.raises(DataError):
        run_folder.search(run, preset="nuclei", data=data)
    assert workflow.calls[0][1]["bundle_root"] == str(run)
    assert not (run / "configs").exists() and (run / "by_the_first_process").exists()
