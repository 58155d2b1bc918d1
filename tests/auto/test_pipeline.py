"""From a folder to a bundle: what is planned, what is kept, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_lwmisn.auto.baseline import otsu_dice
from monai_lwmisn.auto.decisions import Wishes, preset_of
from monai_lwmisn.auto.fingerprint import Fingerprint, take_fingerprint
from monai_lwmisn.auto.pipeline import _Pipeline, auto
from monai_lwmisn.auto.plan import make_plan, planned
from monai_lwmisn.auto.rules import decide
from monai_lwmisn.auto.scores import scores
from monai_lwmisn.bundle.card import Owner
from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.files import parse_json, read_json
from monai_lwmisn.networks import Genotype
from monai_lwmisn.shipped import shipped_bundles
from tests.auto.data import pictures


def squares(count: int = 6, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        label = np.zeros((48, 48), int)
        row, column = generator.integers(4, 30, 2)
        label[row : row + 12, column : column + 12] = 1
        found.append(label)
    return found


def blobs(data: Path) -> Fingerprint:
    """The fingerprint of squares, as if there were many in a picture, as nuclei are."""
    return replace(take_fingerprint(data, progress=False), modality="microscopy")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("squares") / "data", squares())


def test_few_pictures_begin_with_the_free_weights_of_a_shipped_bundle(data: Path) -> None:
    fingerprint, wishes = blobs(data), Wishes()
    plan = make_plan(fingerprint, decide(fingerprint, wishes), wishes)
    assert not plan.search and plan.weights and plan.start is not None and plan.start.folder in shipped_bundles()
    assert "6 independent cases are too few" in plan.network and "Apache License" in plan.weights_reason
    preset = preset_of(planned(fingerprint, wishes, plan, pace=None))
    assert preset["search"]["strategy"] == "given" and Path(preset["train"]["start"]).is_file()
    shape = Genotype.load(preset["search"]["genotype"]).architecture
    assert preset["architecture"]["stem_stride"] == shape.stem_stride  # a finer one was decided on before


def test_random_weights_that_are_asked_for_are_said_and_learn_at_their_usual_rate(data: Path) -> None:
    fingerprint, wishes = take_fingerprint(data, progress=False), Wishes(settings={"train.start": None})
    plan = make_plan(fingerprint, decide(fingerprint, wishes), wishes)
    assert not plan.search and not plan.weights and "random weights, as asked" in plan.weights_reason
    training = preset_of(planned(fingerprint, wishes, plan, pace=None))["train"]
    assert training["start"] is None and "learning_rate" not in training


def test_a_limit_that_no_shipped_network_keeps_leads_to_a_search(data: Path) -> None:
    fingerprint, wishes = take_fingerprint(data, progress=False), Wishes(size=50_000)
    plan = make_plan(fingerprint, decide(fingerprint, wishes), wishes)
    assert plan.search and plan.start is None and "No shipped network" in plan.network
    assert preset_of(planned(fingerprint, wishes, plan, pace=None))["search"]["strategy"] != "given"


def test_a_search_that_is_asked_for_takes_no_shipped_network(data: Path) -> None:
    fingerprint, wishes = take_fingerprint(data, progress=False), Wishes(settings={"search.strategy": "differentiable"})
    plan = make_plan(fingerprint, decide(fingerprint, wishes), wishes)
    assert plan.search and plan.network.startswith(
        "A network is searched for, by the strategy differentiable, as asked."
    )
    preset = preset_of(planned(fingerprint, wishes, plan, pace=None))
    assert preset["search"]["strategy"] == "differentiable" and "start" not in preset["train"]


def test_bad_data_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    data = pictures(tmp_path / "data", squares())
    (data / "labels" / "scana.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="scana"):
        auto(data, tmp_path / "out", say=lambda text: None)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        auto(data, tmp_path, say=lambda text: None)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_from_a_folder_to_a_verified_bundle_that_is_resumed(
    data: Path, small_start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, wishes, said = tmp_path / "out", Wishes(time=1, folds=2), []
    owner = Owner(author="Jane Doe", licence="CC-BY-4.0")
    auto(data, out, wishes, owner=owner, say=said.append)
    assert parse_json((out / "decisions.json").read_text())[0].keys() == {"key", "value", "reason"}
    start = Genotype.load(small_start / "genotype.json")
    for fold in range(2):
        assert Genotype.load(out / "folds" / f"fold_{fold}" / "genotype.json").edges == start.edges
    result = read_json(out / "result.json")
    assert result["scores"]["cases"] == 6 and len(result["scores"]["folds"]) == 2
    metadata = read_json(out / "bundle" / "configs" / "metadata.json")
    assert metadata["authors"] == "Jane Doe" and "monai_lwmisn authors" not in metadata["copyright"]
    assert "CC-BY-4.0" in (out / "bundle" / "LICENSE").read_text()
    assert str(out) not in (out / "bundle" / "configs" / "train.json").read_text()
    assert "lwmisn segment" in said[-1] and read_json(out / "estimate.json")["seconds"] > 0
    assert read_json(out / "baseline.json")["dice"] == pytest.approx(
        np.mean([value for fold in range(2) for value in otsu_dice(out / "folds" / f"fold_{fold}")])
    )

    def never(*arguments: object, **settings: object) -> None:
        raise AssertionError("it was finished")

    for stage in ("search", "train", "evaluate", "measure_pace", "take_fingerprint"):
        monkeypatch.setattr(f"monai_lwmisn.auto.pipeline.{stage}", never)
    again = auto(data, out, wishes, owner=Owner(author="John Roe"), say=said.append)
    assert again["scores"] == result["scores"] and "is resumed" in " ".join(said)
    assert read_json(out / "bundle" / "configs" / "metadata.json")["authors"] == "John Roe"
    with pytest.raises(ConfigError, match="begun with other data or options"):
        auto(data, out, Wishes(time=2, folds=2), say=said.append)


def test_everything_that_is_asked_for_is_measured(
    small_start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, test = pictures(tmp_path / "data", squares(10)), pictures(tmp_path / "others", squares(3, seed=1))
    asked: list[tuple[Any, ...]] = []

    def like_the_run(run: Path, folder: Path, share: float, *arguments: Any) -> dict[str, Any]:
        asked.append((folder.name, share))
        return {**read_json(run / "evaluation" / "metrics.json"), "training_cases": round(4 * share)}

    monkeypatch.setattr("monai_lwmisn.auto.pipeline.train_basic_unet", like_the_run)
    monkeypatch.setattr("monai_lwmisn.auto.pipeline.train_on_share", like_the_run)
    monkeypatch.setattr("monai_lwmisn.auto.pipeline.verify", lambda bundle: [])  # it takes most of the time
    out, said = tmp_path / "out", list[str]()
    wishes = Wishes(time=1, folds=2, effort="thorough", compare=True)
    result = auto(data, out, wishes, test=test, say=said.append)
    times = read_json(out / "times.json")
    of_folds = [(f"fold_{fold}", times["search"] / 2 + times[f"train_{fold}"]) for fold in range(2)]
    assert asked == [*of_folds, ("quarter", 0.25), ("half", 0.5)]
    assert result["test_data"]["cases"] == 3 and result["scores"]["cases"] == 10
    assert result["basic_unet"] == result["scores"]["dice"]
    assert [point["cases"] for point in result["label_curve"]] == [1, 2, 4]
    assert 0 <= result["ensemble"] <= 1 and "All 2 networks together" in said[-1]
    report = (out / "report.html").read_text()
    assert "all 2 networks together" in report and "From 2 to 4 cases" in report


def test_the_last_words_have_the_scores_of_objects(tmp_path: Path) -> None:
    measured = {"mean": {"dsc": 0.93}, "cases": [{"dsc": 0.93, "f1_50": 0.86, "aji": 0.75}]}
    result = {"scores": scores([measured], ["cell"], volumetric=False), "baseline": 0.5, "bundle": {"params": 1}}
    said = list[str]()
    _Pipeline(tmp_path, tmp_path, Wishes(), None, said.append)._say_result(result, tmp_path, tmp_path)
    assert "an F1 of 0.86" in said[0] and "(AJI) of 0.75" in said[0]


def test_weights_for_other_classes_are_changed_by_the_usual_steps(data: Path, tmp_path: Path) -> None:
    labels = squares()
    for label in labels:
        label[0, ::4], label[46:] = 1, 2
    two = pictures(tmp_path, labels)
    rates = []
    for folder in (data, two):
        fingerprint, wishes = blobs(folder), Wishes()
        plan = make_plan(fingerprint, decide(fingerprint, wishes), wishes)
        assert plan.weights
        rates.append(preset_of(planned(fingerprint, wishes, plan, pace=None))["train"].get("learning_rate"))
    assert rates == [0.001, None]


def test_weights_are_not_taken_for_pictures_of_another_kind(data: Path) -> None:
    few, many, wishes = take_fingerprint(data, progress=False), blobs(data), Wishes()
    assert few.modality == "other"
    for seen, weights in ((few, False), (many, True), (replace(many, dark_foreground=1.0), False)):
        plan = make_plan(seen, decide(seen, wishes), wishes)
        assert plan.start is not None
        assert plan.weights == weights
        assert ("start" in preset_of(planned(seen, wishes, plan, pace=None))["train"]) == weights
