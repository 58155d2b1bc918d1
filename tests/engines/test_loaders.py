"""Weights of images against the shares of their strata that they are meant to bring about."""

import math
from collections import defaultdict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.data import Dataset

from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.engines.loaders import evaluation_loader, stratum_weights, training_loader


def items(sizes: dict[str, int]) -> list[Item]:
    names = [name for name, size in sizes.items() for _ in range(size)]
    return [{"image": f"{i}.png", "label": "", "case": str(i), "stratum": name} for i, name in enumerate(names)]  # type: ignore[misc]


@given(sizes=st.dictionaries(st.sampled_from("abcde"), st.integers(1, 40), min_size=2), exponent=st.floats(0.1, 1.0))
def test_the_share_of_a_stratum_goes_with_a_power_of_its_size(sizes: dict[str, int], exponent: float) -> None:
    listed = items(sizes)
    weights = stratum_weights(listed, exponent)
    assert weights is not None and len(weights) == len(listed)
    shares: dict[str, float] = defaultdict(float)
    for item, weight in zip(listed, weights, strict=True):
        shares[item["stratum"]] += weight
    for name, size in sizes.items():
        assert shares[name] / shares[min(sizes)] == pytest.approx((size / sizes[min(sizes)]) ** (1 - exponent))


def test_half_way_is_the_square_root() -> None:
    weights = stratum_weights(items({"common": 16, "rare": 4}), 0.5)
    assert weights is not None
    assert sum(weights[:16]) == pytest.approx(math.sqrt(16)) and sum(weights[16:]) == pytest.approx(math.sqrt(4))


def test_without_strata_or_balance_all_are_drawn_alike() -> None:
    assert stratum_weights(items({"common": 16, "rare": 4}), 0.0) is None
    assert stratum_weights(items({"common": 16}), 1.0) is None
    unnamed: list[Item] = [{"image": "a.png", "label": "", "case": "a"}, {"image": "b.png", "label": "", "case": "b"}]
    assert stratum_weights(unnamed, 1.0) is None
    mixed = stratum_weights([*unnamed, *items({"rare": 1})], 1.0)
    assert mixed == pytest.approx([0.5, 0.5, 1.0])


@pytest.mark.parametrize(
    ("asked", "device", "training", "evaluation"),
    [
        (None, "cpu", 1, 0),
        (None, "cuda", 4, 4),
        (0, "cpu", 0, 0),
        (3, "cpu", 3, 3),
        (0, "cuda", 0, 0),
    ],
)
def test_processes_that_load(
    monkeypatch: pytest.MonkeyPatch, asked: int | None, device: str, training: int, evaluation: int
) -> None:
    monkeypatch.setattr("monai_lwmisn.engines.loaders.CPU_WORKERS", 1)
    dataset = Dataset([{"image": torch.zeros(1, 2, 2)}] * 3)
    assert training_loader(dataset, 2, asked, torch.device(device)).num_workers == training
    assert evaluation_loader(dataset, asked, torch.device(device)).num_workers == evaluation
