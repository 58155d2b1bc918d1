"""The figures of a report are drawn where results exist."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from monai_lwmisn.errors import DataError
from monai_lwmisn.studies import figures as module
from monai_lwmisn.studies.figures import draw_examples, draw_fronts
from monai_lwmisn.studies.results import Row, read_results
from monai_lwmisn.studies.trials import Trial
from tests.studies.folder import COST


def row(name: str, **costs: Any) -> Row:
    return Row(name, "peer", {**COST, **costs}, {0: {"validation_dsc": 0.5}}, 1.0)


@pytest.fixture
def out(finished_comparison: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A comparison with weights. Its figure 5 shows one network."""
    monkeypatch.setattr(module, "SHOWN", {"lwmisn": "ours"})
    return Path(shutil.copytree(finished_comparison, tmp_path / "out"))


def change(out: Path, **content: Any) -> None:
    """Change the result of our first training."""
    file = Trial(out, "lwmisn", "seed_0").file
    file.write_text(json.dumps({**json.loads(file.read_text()), **content}))


def is_blank(panel: np.ndarray) -> bool:
    return len(np.unique(panel)) == 1


@pytest.mark.parametrize("latency", [4.0, None])
def test_an_unknown_cost_has_no_panel(latency: float | None) -> None:
    times = {"latency_onnx_ms": latency, "latency_openvino_ms": None}
    rows = [row("unext_s", **times), row("unet", **times, params=2000)]
    picture = np.asarray(Image.open(io.BytesIO(draw_fronts(rows, "validation_dsc", "validation Dice"))).convert("L"))
    height, width = (size // 2 for size in picture.shape)
    # The legend is at the bottom.
    quarters = [picture[: height - 30, :width], picture[: height - 30, width:], picture[height:-60, width:]]
    assert [is_blank(quarter) for quarter in quarters] == [False, False, latency is None]


def test_figure_5_has_a_row_for_a_good_a_median_and_a_bad_case(out: Path) -> None:
    drawn = draw_examples(read_results(out), "dsc")
    assert drawn is not None
    picture = Image.open(io.BytesIO(drawn)).convert("L")
    assert len(np.unique(np.asarray(picture))) > 100
    assert picture.height > picture.width * 0.8


def test_a_case_without_a_score_is_not_chosen(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = json.loads(Trial(out, "lwmisn", "seed_0").file.read_text())["test"]
    for number, case in enumerate(test["cases"]):
        case["dsc"] = 0.5 if number == 1 else None
    change(out, test=test)
    chosen: list[str] = []

    def predict(run: Path, items: list[dict]) -> list:
        chosen.extend(item["case"] for item in items)
        raise DataError("enough")

    monkeypatch.setattr(module, "_predictions", predict)
    with pytest.raises(DataError, match="enough"):
        draw_examples(read_results(out), "dsc")
    assert chosen == [test["cases"][1]["case"]] * 3


def test_figure_5_needs_the_first_seed_and_its_weights(out: Path) -> None:
    weights = Trial(out, "lwmisn", "seed_0").run / "models" / "model.pt"
    hidden = weights.rename(weights.with_name("hidden"))
    assert draw_examples(read_results(out), "dsc") is None
    hidden.rename(weights)
    change(out, status="failed", reason="no room")
    assert draw_examples(read_results(out), "dsc") is None


def test_images_that_are_gone_are_named(out: Path, tmp_path: Path) -> None:
    datalist = json.loads((out / "datalist.json").read_text())
    for item in datalist["test"]:
        item["image"] = str(tmp_path / "gone" / Path(item["image"]).name)
    (out / "datalist.json").write_text(json.dumps(datalist))
    with pytest.raises(DataError, match="gone"):
        draw_examples(read_results(out), "dsc")
