"""Objects that touch are told apart, and nothing of the mask is lost."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.data import MetaTensor
from scipy.ndimage import label

from monai_lwmisn.inference.instances import SeparateInstancesd
from monai_lwmisn.light.instances import separate_instances

CORNERS_TOO = np.ones((3, 3))


def discs(*circles: tuple[int, int, int], shape: tuple[int, int] = (60, 90)) -> list[np.ndarray]:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return [(rows - row) ** 2 + (columns - column) ** 2 <= radius**2 for row, column, radius in circles]


@pytest.mark.parametrize(
    "circles",
    [
        [(30, 20, 12), (30, 40, 12)],  # two of one size that overlap
        [(30, 20, 14), (30, 41, 9)],  # a large and a small one
        [(20, 30, 10), (20, 48, 10), (36, 39, 10)],  # three in a ring
        [(10, 10, 6), (40, 60, 15)],  # two that are apart
    ],
)
def test_each_disc_is_an_object(circles: list[tuple[int, int, int]]) -> None:
    truth = discs(*circles)
    objects = separate_instances(np.any(truth, axis=0))
    assert objects.dtype == np.int32 and objects.max() == len(circles)
    found = [objects[row, column] for row, column, _ in circles]
    assert sorted(found) == list(range(1, len(circles) + 1))
    for number, disc in zip(found, truth, strict=True):
        assert (disc & (objects == number)).sum() > 0.85 * (disc | (objects == number)).sum()


def test_an_uneven_border_makes_no_objects() -> None:
    ragged = discs((30, 40, 15))[0] & (np.random.default_rng(0).random((60, 90)) > 0.02)
    ragged |= discs((30, 40, 13))[0]
    assert separate_instances(label(ragged)[0] == label(ragged)[0][30, 40]).max() == 1


def test_parameters_say_how_readily_objects_are_told_apart() -> None:
    mask = np.any(discs((30, 20, 12), (30, 38, 12)), axis=0)
    assert separate_instances(mask, depth=0.5).max() == 2
    assert separate_instances(mask, depth=6.0).max() == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 119), st.integers(0, 39), st.integers(0, 9)), min_size=1, max_size=40),
    st.integers(50, 2000),
)
def test_a_large_mask_in_parts_has_the_objects_of_the_whole(circles: list[tuple[int, int, int]], most: int) -> None:
    mask = np.any(discs(*circles, shape=(120, 40)), axis=0)
    whole = separate_instances(mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monai_lwmisn.light.instances.LARGEST_WHOLE", most)
        parts = separate_instances(mask)
    assert parts.dtype == whole.dtype and set(np.unique(parts)) == set(np.unique(whole))
    pairs = set(zip(whole.ravel().tolist(), parts.ravel().tolist(), strict=True))
    assert len(pairs) == whole.max() + (not mask.all())


@settings(max_examples=50, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))), st.sampled_from([0.25, 1.0]))
def test_every_pixel_and_every_region_keeps_an_object(mask: np.ndarray, depth: float) -> None:
    objects = separate_instances(mask, depth=depth)
    np.testing.assert_array_equal(objects > 0, mask)
    assert set(np.unique(objects[mask])) == set(range(1, objects.max() + 1))
    regions, count = label(mask, CORNERS_TOO)
    assert objects.max() >= count
    for number in range(1, objects.max() + 1):
        assert label(objects == number, CORNERS_TOO)[1] == 1 and len(np.unique(regions[objects == number])) == 1


def test_the_transform_keeps_the_mask_and_its_metadata() -> None:
    mask = MetaTensor(torch.zeros(1, 8, 9), meta={"filename_or_obj": "a.png"})
    mask[:, 2:5, 3:6] = 1
    result = SeparateInstancesd("pred", "instances")({"pred": mask})
    assert result["pred"] is mask
    assert result["instances"].dtype == torch.int32 and torch.equal(result["instances"].float(), mask)
    assert result["instances"].meta["filename_or_obj"] == "a.png"


def test_many_objects_are_all_numbered() -> None:
    mask = MetaTensor(torch.zeros(1, 520, 520), meta={"filename_or_obj": "a.png"})
    mask[:, ::2, ::2] = 1
    assert SeparateInstancesd("pred", "instances")({"pred": mask})["instances"].max() == 260 * 260
