"""Tests of the entropy of a prediction, and of the choice by it."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_lwmisn.label.uncertainty import MOST_SCORED, Uncertainty, mean_entropy

pytestmark = pytest.mark.label


def test_entropy_is_that_of_the_formula() -> None:
    assert mean_entropy(torch.zeros(1, 4, 5)) == pytest.approx(1)
    assert mean_entropy(torch.zeros(3, 4, 5, 6)) == pytest.approx(1)
    assert mean_entropy(torch.full((1, 4, 5), 50.0)) == pytest.approx(0)
    share = 0.2
    logit = math.log(share / (1 - share))
    expected = -(share * math.log2(share) + (1 - share) * math.log2(1 - share))
    assert mean_entropy(torch.full((1, 4, 5), logit)) == pytest.approx(expected)
    two = torch.stack([torch.zeros(4, 5), torch.full((4, 5), logit)])
    assert mean_entropy(two) == pytest.approx(expected)


class Task:
    """A task whose logits are the name of the image."""

    def __init__(self, weights: Path) -> None:
        self.weights, self.seen = weights, list[str]()

    def get_path(self) -> str:
        return str(self.weights)

    def logits(self, image: str) -> torch.Tensor:
        self.seen.append(image)
        return torch.full((1, 2, 2), float(image))


class Store:
    def __init__(self, *images: str) -> None:
        self.images = list(images)

    def get_unlabeled_images(self, *_: Any) -> list[str]:
        return self.images

    def get_image_uri(self, image: str) -> str:
        return image


def test_the_least_sure_image_is_offered_and_scored_once(tmp_path: Path) -> None:
    weights = tmp_path / "model.pt"
    weights.write_bytes(b"")
    task = Task(weights)
    strategy, store = Uncertainty({"model": task}), Store("5", "0.5", "3")
    assert strategy({}, store)["id"] == "0.5"
    store.images.remove("0.5")
    assert strategy({}, store)["id"] == "3"
    assert task.seen == ["5", "0.5", "3"]
    assert strategy({}, Store()) is None


def test_a_large_study_is_scored_a_part_at_a_time(tmp_path: Path) -> None:
    weights = tmp_path / "model.pt"
    weights.write_bytes(b"")
    task = Task(weights)
    strategy, store = Uncertainty({"model": task}), Store(*(str(10 + index) for index in range(2 * MOST_SCORED)))
    strategy({}, store)
    assert len(task.seen) == MOST_SCORED
    strategy({}, store)
    assert sorted(task.seen) == sorted(store.images)
