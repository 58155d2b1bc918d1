"""metrics.json from raw metric values."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ignite.engine import Engine

from monai_lwmisn.training.evaluation_report import EvaluationReport

NAN = float("nan")


def report(
    path: Path, labels: list[torch.Tensor], details: dict[str, torch.Tensor], **arguments: Any
) -> dict[str, Any]:
    items = [{"case": f"case{index}", "image": f"{index}.png"} for index in range(len(labels))]
    handler = EvaluationReport(path, items, split="test", empty_images="skip", **arguments)
    engine = Engine(lambda engine, label: [{"label": label}])
    engine.state = SimpleNamespace(**vars(engine.state), metric_details=details)  # type: ignore[assignment]
    handler.attach(engine)
    engine.run(labels)
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
    one_hot[1, ..., 1] = 1
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
