"""Scores of objects: by hand, by sets of pixels, and by MONAI."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.metrics.panoptic_quality import compute_panoptic_quality

from monai_lwmisn.training.instance_metrics import InstanceMetric, aggregated_jaccard, f1_at_half


def row(text: str) -> np.ndarray:
    return np.array([[int(letter) for letter in text]])


@pytest.mark.parametrize(
    ("prediction", "truth", "f1", "aji"),
    [
        ("0110220", "0330440", 1.0, 1.0),  # names do not matter
        ("0111100", "0110220", 0.0, 2 / 6),  # one for two: each IoU is 2/5 and 1/5
        ("1110000", "1111000", 1.0, 3 / 4),
        ("1100000", "1111000", 0.0, 2 / 4),  # exactly a half is not above it
        ("0000000", "1100220", 0.0, 0.0),
        ("1100220", "0000000", 0.0, 0.0),
        ("0000000", "0000000", 1.0, 1.0),
        ("1100330", "1100000", 2 / 3, 2 / 4),  # one too many: its area joins the union
        ("1111100", "1112200", 2 / 3, (3 + 2) / (5 + 5)),  # a predicted object serves two true ones
    ],
)
def test_by_hand(prediction: str, truth: str, f1: float, aji: float) -> None:
    assert f1_at_half(row(prediction), row(truth)) == pytest.approx(f1)
    assert aggregated_jaccard(row(prediction), row(truth)) == pytest.approx(aji)


def algorithm_1(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Kumar et al. 2017, line by line; of equal IoU the largest number, of none no object."""

    def pixels(objects: np.ndarray) -> dict[int, set[int]]:
        return {n: set(np.flatnonzero(objects == n)) for n in np.unique(objects) if n}

    true, found = pixels(truth), pixels(prediction)
    common = union = 0
    used = set()
    for g in true.values():
        best = max(found, key=lambda n: (len(g & found[n]) / len(g | found[n]), n), default=None)
        if best is None or not g & found[best]:
            union += len(g)
            continue
        common += len(g & found[best])
        union += len(g | found[best])
        used.add(best)
    union += sum(len(found[n]) for n in set(found) - used)
    return common / union if union else 1.0


objects = arrays(np.int32, (5, 6), elements=st.sampled_from([0, 0, 1, 2, 5, 70000]))


@settings(max_examples=100, deadline=None)
@given(objects, objects)
def test_by_the_published_algorithm_and_by_monai(prediction: np.ndarray, truth: np.ndarray) -> None:
    assert aggregated_jaccard(prediction, truth) == pytest.approx(algorithm_1(prediction, truth))
    if prediction.any() or truth.any():
        quality = compute_panoptic_quality(torch.as_tensor(prediction), torch.as_tensor(truth), metric_name="rq")
        assert f1_at_half(prediction, truth) == pytest.approx(float(quality), abs=1e-5)


def test_mean_over_images_and_images_without_objects() -> None:
    truth = torch.tensor([[[[1, 1, 0, 2]]], [[[0, 0, 0, 0]]]])
    prediction = torch.tensor([[[[1, 1, 0, 0]]], [[[0, 0, 0, 3]]]])
    for ignore_empty, mean in ((False, 1 / 3), (True, 2 / 3)):
        metric = InstanceMetric(f1_at_half, ignore_empty)
        metric(prediction, truth)
        scores = metric.get_buffer()
        assert scores.shape == (2, 1) and float(scores[0]) == pytest.approx(2 / 3)
        assert torch.isnan(scores[1]).item() == ignore_empty
        assert float(metric.aggregate()) == pytest.approx(mean)
