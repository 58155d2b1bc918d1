"""The estimated quality against Dice coefficients of labels that are drawn from the probabilities."""

import numpy as np
import pytest
import torch

from monai_lwmisn.inference.quality import estimate_quality


def disc(steepness: float) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(80), torch.arange(90), indexing="ij")
    return steepness * (20.03 - torch.hypot(x - 45.0, y - 40.0))


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("steepness", [0.1, 0.3, 3])
def test_it_is_the_mean_dice_of_labels_with_these_probabilities(steepness: float) -> None:
    logits = disc(steepness)
    drawn = np.random.default_rng(0).random((200, 80, 90)) < logits.sigmoid().numpy()
    mean = np.mean([dice(label, logits.numpy() >= 0) for label in drawn])
    assert estimate_quality(logits[None]) == pytest.approx(mean, abs=0.005)
    # The same as two classes of a softmax, in a volume of equal slices.
    two = torch.stack([torch.zeros_like(logits), logits])[..., None].repeat(1, 1, 1, 3)
    assert estimate_quality(two) == pytest.approx(estimate_quality(logits[None]), abs=1e-5)


def test_a_network_that_is_sure_has_a_higher_estimate() -> None:
    estimates = [estimate_quality(disc(steepness)[None]) for steepness in (0.05, 0.1, 0.3, 1, 100)]
    assert estimates == sorted(estimates) and estimates[-1] == pytest.approx(1, abs=2e-3)


def test_a_class_that_is_not_found_counts_by_its_highest_probability() -> None:
    nothing = torch.full((1, 5, 5), -20.0)
    assert estimate_quality(nothing) == pytest.approx(1, abs=1e-6)
    nothing[0, 2, 2] = np.log(0.3 / 0.7)
    assert estimate_quality(nothing) == pytest.approx(0.7)
    second = disc(100.0)
    classes = torch.stack([torch.zeros_like(second), torch.full_like(second, -20.0), second])
    assert estimate_quality(classes) == pytest.approx(1, abs=2e-3)
