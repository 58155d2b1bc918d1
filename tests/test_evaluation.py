"""Where the results of an evaluation go, and that they do not depend on who runs it."""

from pathlib import Path
from typing import Any

import pytest

from monai_lwmisn import run as evaluation
from monai_lwmisn.config import resolve, write_configs
from monai_lwmisn.errors import ConfigError


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that evaluations wrote to; a stand-in leaves the metrics."""
    folders: list[Path] = []

    def execute(config_file: Path, **runtime: Any) -> None:
        folder = Path(runtime["output_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text("{}")
        folders.append(folder)

    monkeypatch.setattr(evaluation, "execute", execute)
    return folders


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_configs(tmp_path / "run", {"evaluate": resolve("nuclei")["evaluate"]})
    return tmp_path / "run"


@pytest.mark.parametrize("name", [".", "..", "all", "validation", "here.zip"])
def test_other_data_never_overwrites_the_results_of_the_runs_own(
    run: Path, outputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "images" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "images" / "inner")
    for split in ("test", "validation", "training", "all"):
        evaluation.evaluate(run, split=split)
    own = set(outputs)
    evaluation.evaluate(run, data=Path(name))
    assert len(own) == 4 and outputs[-1] not in own
    expected = {".": "inner", "..": "images"}.get(name, name)
    assert outputs[-1] == run / "evaluation" / f"other-{expected}"


def test_a_bundle_is_measured_on_data_that_are_given(run: Path, outputs: list[Path], tmp_path: Path) -> None:
    (run / "configs" / "metadata.json").write_text("{}")
    with pytest.raises(ConfigError, match="is a bundle, which holds no images: give those .* as --data"):
        evaluation.evaluate(run)
    evaluation.evaluate(run, data=tmp_path, settings={"data.dataset": "folder"})
    assert len(outputs) == 1


def test_a_part_of_other_data_is_refused(run: Path, outputs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no part 'all', .*: leave --split or --data out"):
        evaluation.evaluate(run, data=tmp_path, split="all")
    assert not outputs


@pytest.mark.parametrize(
    "settings", [{"train.epochs": 3}, {"data.split_by": "image"}, {"evaluate.split": "nowhere"}, {"architecture.x": 1}]
)
def test_a_setting_that_an_evaluation_does_not_use_is_refused(
    run: Path, outputs: list[Path], settings: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        evaluation.evaluate(run, settings=settings)
    assert not outputs


def test_settings_are_for_one_evaluation_only(run: Path, outputs: list[Path]) -> None:
    before = (run / "configs" / "evaluate.json").read_bytes()
    evaluation.evaluate(run, settings={"evaluate.empty_images": "skip"})
    assert (run / "configs" / "evaluate.json").read_bytes() == before
