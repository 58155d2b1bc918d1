"""metrics.json from raw metric values."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ignite.engine import Engine

from monai_lwmisn.training.evaluation_report import EvaluationReport
from monai_lwmisn.training.metric_words import metric_remarks, metric_rows

NAN = float("nan")


def report(
    path: Path,
    labels: list[torch.Tensor],
    details: dict[str, torch.Tensor],
    predictions: list[torch.Tensor] | None = None,
    **arguments: Any,
) -> dict[str, Any]:
    items = [{"case": f"case{index}", "image": f"{index}.png"} for index in range(len(labels))]
    handler = EvaluationReport(path, items, split="test", empty_images="skip", **arguments)
    engine = Engine(lambda engine, pair: [{"label": pair[0], "pred": pair[1]}])
    engine.state = SimpleNamespace(**vars(engine.state), metric_details=details)  # type: ignore[assignment]
    handler.attach(engine)
    engine.run(list(zip(labels, predictions or labels, strict=True)))
    text = (path / "metrics.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    return json.loads(text)


def test_pictures_of_one_class(tmp_path: Path) -> None:
    labels = [torch.ones(1, 2, 2), torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]
    details = {"dsc": torch.tensor([[0.5], [NAN], [1.0]])}
    found = report(tmp_path, labels, details, label_names={"1": "nucleus"}, volumetric=False)
    assert found["mean"] == {"dsc": 0.75}
    assert found["cases"][1] == {"case": "case1", "image": "1.png", "dsc": None}
    assert found["counts"] == {"cases": 3, "images": 3, "empty_images": 1}
    assert (found["split"], found["empty_images"]) == ("test", "skip") and "params" not in found


def test_volumes_of_two_classes(tmp_path: Path) -> None:
    one_hot = torch.zeros(3, 2, 2, 2)
    one_hot[0, ..., 0] = 1  # the first slice is background
    one_hot[1:, ..., 1] = 1
    details = {
        "dsc": torch.tensor([[NAN, NAN], [0.5, 1.0], [0.25, NAN], [0.75, NAN]]),
        "dsc_3d": torch.tensor([[0.5, 1.0], [0.6, 0.8]]),
        "hd95": torch.tensor([[2.0, float("inf")], [4.0, 8.0]]),
    }
    names = {"2": "posterior part", "1": "anterior"}
    found = report(tmp_path, [one_hot, one_hot], details, label_names=names, volumetric=True)
    assert found["counts"] == {"cases": 2, "images": 4, "empty_images": 2, "hd95_undefined": 1}
    first, second = found["cases"]
    assert first["slices"] == 2 and first["dsc"] == 0.75 and second["dsc"] == 0.5
    assert first["hd95"] == 2.0 and first["hd95_posterior_part"] is None
    assert second["dsc_3d"] == pytest.approx(0.7)
    assert found["mean"]["dsc"] == pytest.approx((0.75 + 0.25 + 0.75) / 3)
    assert found["mean"]["dsc_anterior"] == 0.5 and found["mean"]["dsc_posterior_part"] == 1.0
    assert found["mean"]["dsc_3d"] == pytest.approx(0.725) and found["mean"]["hd95"] == 4.0


def masks(*classes: int) -> torch.Tensor:
    """A picture (3, 1, 4) of one-hot background and two classes."""
    return torch.stack([torch.tensor([[value == index for value in classes]]) for index in range(3)]).float()


NAMES = {"1": "gland", "2": "duct"}


def test_a_class_that_no_image_has_is_in_no_mean(tmp_path: Path) -> None:
    labels = [masks(0, 1, 1, 0), masks(0, 0, 0, 1)]
    predictions = [masks(0, 1, 0, 0), masks(2, 0, 0, 1)]
    # MONAI gives a class that neither truth nor prediction has 1, and one that is only predicted 0.
    details = {"dsc": torch.tensor([[2 / 3, 1.0], [1.0, 0.0]])}
    found = report(tmp_path, labels, details, predictions, label_names=NAMES, volumetric=False)
    assert found["mean"] == {"dsc": pytest.approx(5 / 6), "dsc_gland": pytest.approx(5 / 6), "dsc_duct": None}
    assert [case["dsc"] for case in found["cases"]] == [pytest.approx(2 / 3), 1.0]
    assert found["classes"] == {
        "gland": {"cases": 2, "found": 2, "invented": 0},
        "duct": {"cases": 0, "found": 0, "invented": 1},
    }
    rows = {row.name: row.value for row in metric_rows(found, volumetric=False)}
    assert rows == {"Dice per image": "0.8333", "gland": "0.8333", "duct": "not in the test part"}
    assert list(metric_remarks(found, volumetric=False)) == [
        "duct is not in the test part, but it was predicted in 1 image: the means leave it out."
    ]


def test_a_class_that_was_never_found_and_one_that_a_case_lacks_are_said(tmp_path: Path) -> None:
    first, second, nothing = masks(0, 1, 1, 2), masks(0, 0, 0, 2), masks(0, 0, 0, 0)
    volumes = [mask[..., None] for mask in (first, second)]
    predictions = [masks(2, 1, 1, 0)[..., None], nothing[..., None]]  # a duct, but beside the true one
    details = {"dsc": torch.tensor([[1.0, 0.0], [1.0, 0.0]]), "dsc_3d": torch.tensor([[1.0, 0.0], [1.0, 0.0]])}
    found = report(tmp_path, volumes, details, predictions, label_names=NAMES, volumetric=True)
    assert list(metric_remarks(found, volumetric=True)) == [
        "gland is missing in 1 of 2 cases: the means leave them out.",
        "duct was never found: the test part has it in 2 cases, where no prediction overlaps it.",
    ]
    rows = [row.name for row in metric_rows({**found, "empty_images": "one"}, volumetric=True)]
    assert rows == ["Dice per case in 3D", "gland", "duct", "Dice per slice (empty slices count as 1)", "gland", "duct"]


def test_a_part_without_any_foreground_has_no_figure(tmp_path: Path) -> None:
    empty = torch.zeros(1, 2, 2)
    found = report(tmp_path, [empty], {"dsc": torch.ones(1, 1)}, label_names={"1": "nucleus"}, volumetric=False)
    assert found["mean"] == {"dsc": None}
    assert [row.value for row in metric_rows(found, volumetric=False)] == ["not in the test part"]
