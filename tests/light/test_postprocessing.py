"""Steps on label maps, compared with MONAI's transforms, from which they are translated."""

from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from monai.bundle import ConfigParser
from monai.transforms import AsDiscrete, GaussianSmooth

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.translation import translate_postprocessing
from monai_lwmisn.light.postprocessing import postprocess, postprocess_in_place

OF_CLASSES = "monai_lwmisn.inference.postprocessing.OfClassesd"
STEPS: list[dict[str, Any]] = [
    {"_target_": "FillHolesd"},
    {"_target_": "FillHolesd", "applied_labels": [2], "connectivity": 1},
    {"_target_": "RemoveSmallObjectsd", "min_size": 4, "independent_channels": False},
    {"_target_": "RemoveSmallObjectsd", "min_size": 3},
    {"_target_": "KeepLargestConnectedComponentd"},
    {"_target_": "KeepLargestConnectedComponentd", "applied_labels": [1, 2], "independent": False, "num_components": 2},
    {"_target_": "KeepLargestConnectedComponentd", "applied_labels": 1, "connectivity": 1},
    {"_target_": OF_CLASSES, "transform": {"_target_": "FillHolesd", "keys": "pred"}, "classes": [1]},
]


SHAPES = arrays.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=8)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.uint8, SHAPES, elements=st.integers(0, 2)),
    st.sampled_from(STEPS),
)
def test_they_do_what_monai_does(labels: np.ndarray, step: dict[str, Any]) -> None:
    assume(len(np.unique(labels)) > 1)  # MONAI removes nothing of an image of one value, however small it is
    step = {**step, "keys": "pred"}
    transform = ConfigParser({"step": step}).get_parsed_content("step")
    expected = transform({"pred": torch.as_tensor(labels[None].copy())})["pred"][0]
    before = labels.copy()
    found = postprocess(labels, translate_postprocessing([step]))
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(found, np.asarray(expected).astype(np.uint8))


@settings(max_examples=200, deadline=None)
@given(
    arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 2)),
    st.sampled_from(STEPS[:-1]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
def test_blocks_give_what_the_whole_gives(labels: np.ndarray, step: dict[str, Any], block: tuple[int, int]) -> None:
    (fact,) = translate_postprocessing([{**step, "keys": "pred"}])
    expected = postprocess(labels, [fact])
    places = [
        (slice(top, min(top + block[0], labels.shape[0])), slice(left, min(left + block[1], labels.shape[1])))
        for top in range(0, labels.shape[0], block[0])
        for left in range(0, labels.shape[1], block[1])
    ]
    postprocess_in_place(labels, fact, places)
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize(
    "step",
    [
        {"_target_": "LabelFilterd", "keys": "pred", "applied_labels": [1]},
        {"_target_": "RemoveSmallObjectsd", "keys": "pred", "by_measure": True},
        {"_target_": "FillHolesd", "keys": "pred", "another": 1},
    ],
)
def test_what_has_no_translation_is_refused(step: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="cannot be part of an ONNX file"):
        translate_postprocessing([step])


@given(arrays.arrays(np.uint8, SHAPES, elements=st.integers(0, 3)), st.lists(st.floats(0.1, 3), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None)
def test_smoothing_is_that_of_monai_but_for_ties(labels: np.ndarray, sigmas: list[float]) -> None:
    sigma = sigmas[: labels.ndim]
    onehot = AsDiscrete(to_onehot=4)(torch.as_tensor(labels[None].copy()))
    blurred = np.asarray(GaussianSmooth(sigma)(onehot))
    found = postprocess(labels, [{"step": "smooth", "sigma": sigma}])
    second, first = np.sort(blurred, axis=0)[-2:]
    clear = first - second > 1e-6
    np.testing.assert_array_equal(found[clear], blurred.argmax(axis=0)[clear])


def test_a_step_of_a_later_release_is_refused() -> None:
    with pytest.raises(ConfigError, match="install a newer lwmisn-run"):
        postprocess(np.zeros((2, 2), np.uint8), [{"step": "polish"}])
