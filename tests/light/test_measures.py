"""The measures of a mask against formulas and plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monai_lwmisn.light.masks import Prediction
from monai_lwmisn.light.measures import measure


def test_a_drawn_disc_has_the_area_diameter_and_intensity_of_a_disc() -> None:
    y, x = np.mgrid[:120, :150]
    disc = (x - 60) ** 2 + (y - 50) ** 2 <= 30**2
    values = np.where(disc, 700, 100).astype(np.uint16)[..., None]
    values[50, 60] = 7000
    (row,) = measure(Prediction(disc.astype(np.uint8)), values, {"1": "disc"}).classes
    assert (row["class"], row["objects"], row["area_px"]) == ("disc", 1, disc.sum())
    assert row["area_px"] == pytest.approx(np.pi * 30**2, rel=0.01)
    assert row["mean_diameter_px"] == pytest.approx(60, rel=0.01)
    assert row["mean_intensity"] == pytest.approx(700 + 6300 / disc.sum())


OBLIQUE = np.array([[0.6, -0.8, 0.3, 5], [0.8, 0.6, 0, -7], [0, 0, 1, 2], [0, 0, 0, 1]])
"""Turned, and with a sheared third axis; a determinant of 1."""


@pytest.mark.parametrize("turn", [np.eye(4), np.diag([-1.0, -1, 1, 1]), OBLIQUE])
def test_a_ball_has_its_volume_whatever_the_spacing(turn: np.ndarray) -> None:
    spacing = np.array([0.5, 0.8, 1.25])
    x, y, z = (np.arange(count) * step for count, step in zip((100, 64, 40), spacing, strict=True))
    distance = np.sqrt((x[:, None, None] - 25) ** 2 + (y[:, None] - 25) ** 2 + (z - 25) ** 2)
    labels = (distance <= 20).astype(np.uint8)
    labels[1, 1, 1] = labels[98, 60, 1] = 2
    affine = turn @ np.diag([*spacing, 1])
    ball, dots = measure(Prediction(labels, affine=affine), np.stack([distance, -distance], -1), dict(NAMES)).classes
    assert ball["objects"] == 1 and ball["volume_ml"] == pytest.approx(4 / 3 * np.pi * 2.0**3, rel=0.01)
    assert ball["mean_diameter_mm"] == pytest.approx(40, rel=0.005)
    assert ball["mean_intensity_1"] == pytest.approx(15, rel=0.01)  # three quarters of the radius
    assert ball["mean_intensity_2"] == -ball["mean_intensity_1"]
    assert dots["objects"] == 2 and dots["volume_ml"] == pytest.approx(2 * 0.5 * 0.8 * 1.25 / 1000)
    assert dots["mean_diameter_mm"] == pytest.approx((6 * 0.5 / np.pi) ** (1 / 3))


NAMES = (("1", "ball"), ("2", "dot"))


def test_a_class_that_is_not_there_has_no_means() -> None:
    rows = measure(Prediction(np.zeros((4, 5), np.uint8)), np.zeros((4, 5, 3)), dict(NAMES)).classes
    nothing = {"objects": 0, "area_px": 0, "mean_diameter_px": None, "mean_intensity": None}
    assert list(rows) == [{"class": name, **nothing} for name in ("ball", "dot")]


def test_the_intensity_of_colours_is_their_mean() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    labels = (colours[..., 0] > 99).astype(np.uint8)
    (row,) = measure(Prediction(labels), colours, {"1": "red"}).classes
    assert row["mean_intensity"] == pytest.approx(colours[labels > 0].mean())


def test_regions_that_touch_by_a_corner_are_one_object() -> None:
    labels = np.array([[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 2]], np.uint8)
    rows = measure(Prediction(labels), np.ones((3, 4, 1)), dict(NAMES)).classes
    assert [(row["objects"], row["area_px"]) for row in rows] == [(2, 3), (1, 1)]


@given(arrays(np.int32, (6, 7), elements=st.integers(0, 4)), st.integers(0, 2**31))
def test_numbered_objects_are_measured_one_by_one(numbers: np.ndarray, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(6, 7, 1))
    found = measure(Prediction((numbers > 0).astype(np.uint8), numbers), values, {"1": "nucleus"})
    (row,) = found.classes
    present = [number for number in range(1, 5) if (numbers == number).any()]
    assert [one["object"] for one in found.objects] == present
    assert (row["objects"], row["area_px"]) == (len(present), (numbers > 0).sum())
    for one in found.objects:
        y, x = np.nonzero(numbers == one["object"])
        assert (one["class"], one["area_px"]) == ("nucleus", len(x))
        assert (one["x"], one["y"]) == pytest.approx((x.mean(), y.mean()))
        assert one["diameter_px"] == pytest.approx(np.sqrt(4 * len(x) / np.pi))
        assert one["mean_intensity"] == pytest.approx(values[y, x, 0].mean())
    if present:
        assert row["mean_intensity"] == pytest.approx(values[..., 0][numbers > 0].mean())
        assert row["mean_diameter_px"] == pytest.approx(np.mean([one["diameter_px"] for one in found.objects]))
