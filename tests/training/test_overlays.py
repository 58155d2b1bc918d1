"""The figure of examples."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from matplotlib import image as pictures

from monai_lwmisn.training import overlays
from monai_lwmisn.training.overlays import Example, OverlayFigure, draw_overlays


def collected(
    monkeypatch: pytest.MonkeyPatch,
    pairs: list[tuple[torch.Tensor, torch.Tensor]],
    scores: list[float],
    volumetric: bool,
    metric: str = "dsc",
) -> list[Example]:
    """The examples that a run over (picture, one-hot label) pairs would draw."""
    drawn: list[Example] = []
    monkeypatch.setattr(overlays, "draw_overlays", lambda examples, names, path: drawn.extend(examples))
    items = [{"case": f"case{index}"} for index in range(len(pairs))]
    monkeypatch.setattr(OverlayFigure, "_draw_errors", lambda self, cases: None)
    handler = OverlayFigure("unused", items, {"1": "a", "2": "b"}, volumetric)

    def step(engine: Engine, pair: tuple[torch.Tensor, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        engine.state.batch = [{"picture": pair[0]}]
        return [{"label": pair[1], "pred": pair[1]}]

    engine = Engine(step)
    details = {metric: torch.tensor(scores)[:, None]}
    engine.state = SimpleNamespace(**vars(engine.state), metric_details=details)  # type: ignore[assignment]
    handler.attach(engine)
    engine.run(pairs)
    return drawn


def test_best_median_and_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = (torch.rand(3, 4, 5), torch.ones(1, 4, 5))
    scores = [0.3, 0.9, float("nan"), 0.1, 0.5, 0.7]
    titles = [example.title for example in collected(monkeypatch, [pair] * 6, scores, volumetric=False)]
    assert titles == ["best: DSC 0.900\ncase1", "median: DSC 0.500\ncase4", "worst: DSC 0.100\ncase3"]
    assert len(collected(monkeypatch, [pair] * 2, [0.1, 0.2], volumetric=False)) == 2
    assert len(collected(monkeypatch, [pair], [0.1], volumetric=False)) == 1
    assert collected(monkeypatch, [pair], [float("nan")], volumetric=False) == []


def test_pictures_are_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, label = torch.zeros(3, 6, 4), torch.zeros(1, 6, 4)
    picture[0, 5, 0], label[0, 5, 0] = 255.0, 1  # x = 5, y = 0: the upper right corner, red
    (example,) = collected(monkeypatch, [(picture, label)], [1.0], volumetric=False)
    assert example.image.shape == (4, 6, 3) and example.truth[0, 5] == 1
    assert example.image[0, 5].tolist() == [1.0, 0.0, 0.0]


def test_volumes_show_the_slice_with_most_foreground_anterior_up(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, label = torch.rand(1, 8, 6, 3), torch.zeros(3, 8, 6, 3)
    label[0] = 1
    label[:, 7, 5, 1] = torch.tensor([0.0, 0.0, 1.0])  # right and anterior end of the middle slice
    (example,) = collected(monkeypatch, [(picture, label)], [1.0], volumetric=True, metric="dsc_3d")
    assert example.truth.shape == (6, 8)
    assert np.argwhere(example.truth == 2).tolist() == [[0, 0]]  # the patient's right is on the left


def test_stacks_of_slices_are_ranked_by_the_mean_over_their_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(torch.rand(1, 4, 5, depth), torch.ones(1, 4, 5, depth)) for depth in (2, 1, 3)]
    scores = [0.2, 0.4, 0.9, 0.7, 0.5, float("nan")]
    titles = [example.title for example in collected(monkeypatch, pairs, scores, volumetric=True)]
    assert titles == ["best: DSC 0.900\ncase1", "median: DSC 0.600\ncase2", "worst: DSC 0.300\ncase0"]


def test_figure_shows_truth_and_prediction(tmp_path: Path) -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[5:15, 5:15] = 1
    draw_overlays(
        [Example("best", np.full((20, 20), 0.5), truth, np.zeros_like(truth))], ["a"], tmp_path / "new" / "f.png"
    )
    figure = pictures.imread(tmp_path / "new" / "f.png")[..., :3]
    colorfulness = (figure.max(axis=-1) - figure.min(axis=-1) > 0.1)[: int(figure.shape[0] * 0.85)]
    left, middle, right = (part.sum() for part in np.array_split(colorfulness, 3, axis=1))
    assert middle > 100 and left == right == 0


def test_the_errors_of_the_worst_cases_are_drawn_under_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlays, "MOST_PICTURES", 2)
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "0000.jpg").write_bytes(b"of an earlier evaluation")
    handler = OverlayFigure(tmp_path, [{"case": f"case{index}"} for index in range(4)], {"1": "a"}, False)

    def step(engine: Engine, batch: int) -> list[dict[str, torch.Tensor]]:
        engine.state.batch = [{"picture": torch.rand(3, 24, 30)}]
        return [{"label": torch.ones(1, 24, 30), "pred": torch.zeros(1, 24, 30)}]

    engine = Engine(step)
    details = {"dsc": torch.tensor([[0.9], [0.2], [float("nan")], [0.1]])}
    engine.state = SimpleNamespace(**vars(engine.state), metric_details=details)  # type: ignore[assignment]
    handler.attach(engine)
    engine.run(range(4))
    assert {path.name for path in (tmp_path / "cases").iterdir()} == {"0001.jpg", "0003.jpg"}
