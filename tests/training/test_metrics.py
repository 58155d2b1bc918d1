"""The metrics against formulas of our own, empty images included."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.data import MetaTensor
from monai.engines import SupervisedEvaluator
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.training.metrics import evaluation_metrics, images_from_engine, mean_dice

Pair = tuple[np.ndarray, np.ndarray]


def dsc_of(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Eq. 16 in the language of sets; two empty sets are equal."""
    found, true = set(np.flatnonzero(prediction)), set(np.flatnonzero(truth))
    return 2 * len(found & true) / (len(found) + len(true)) if found or true else 1.0


def iou_of(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Eq. 15 in the language of sets."""
    found, true = set(np.flatnonzero(prediction)), set(np.flatnonzero(truth))
    return len(found & true) / len(found | true) if found or true else 1.0


def measure(pairs: list[Pair], names: tuple[str, ...], **arguments: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """Feed one-hot (prediction, truth) pairs through handlers on an evaluator; give metrics and details."""
    affine = arguments.pop("affine", None)
    metrics = {name: metric for name, metric in evaluation_metrics(**arguments).items() if name in names}
    batches = [{"image": torch.zeros(1, 1), "label": torch.zeros(1, 1), "index": index} for index in range(len(pairs))]

    def postprocess(data: dict[str, Any]) -> dict[str, Any]:
        prediction, truth = pairs[int(data["index"])]
        label = MetaTensor(torch.as_tensor(truth), affine=affine)
        return {**data, "pred": torch.as_tensor(prediction), "label": label}

    engine = SupervisedEvaluator(
        torch.device("cpu"),
        [{key: torch.as_tensor(value)[None] for key, value in batch.items()} for batch in batches],
        torch.nn.Identity(),
        postprocessing=postprocess,
        additional_metrics=metrics,
        key_val_metric={names[0]: metrics.pop(names[0])},
    )
    engine.run()
    return engine.state.metrics, engine.state.metric_details


masks = st.lists(
    st.tuples(*[arrays(np.float32, (1, 5, 4), elements=st.sampled_from([0.0, 0.0, 0.0, 1.0]))] * 2),
    min_size=1,
    max_size=5,
)


@settings(max_examples=30, deadline=None)
@given(masks)
def test_one_class(pairs: list[Pair]) -> None:
    found, details = measure(pairs, ("dsc", "miou"), out_channels=1, volumetric=False, spacing_is_real=False)
    dsc = [dsc_of(*pair) for pair in pairs]
    iou = [iou_of(*pair) for pair in pairs]
    assert details["dsc"][:, 0].tolist() == pytest.approx(dsc, abs=1e-5)
    assert details["miou"][:, 0].tolist() == pytest.approx(iou, abs=1e-5)
    assert found["dsc"] == pytest.approx(np.mean(dsc), abs=1e-5)
    assert found["miou"] == pytest.approx(np.mean(iou), abs=1e-5)
    # DSC and IoU of one image determine each other, so the means obey DSC <= 2 MIoU / (1 + MIoU).
    assert found["dsc"] <= 2 * found["miou"] / (1 + found["miou"]) + 1e-5


@settings(max_examples=30, deadline=None)
@given(masks)
def test_empty_images_are_left_out_when_asked(pairs: list[Pair]) -> None:
    _, details = measure(
        pairs, ("dsc", "miou"), out_channels=1, volumetric=False, spacing_is_real=False, empty_images="skip"
    )
    for index, (prediction, truth) in enumerate(pairs):
        value = float(details["dsc"][index, 0])
        if truth.any():
            assert value == pytest.approx(dsc_of(prediction, truth), abs=1e-5)
        else:
            assert np.isnan(value) and np.isnan(float(details["miou"][index, 0]))


class_maps = st.tuples(*[arrays(np.int64, (6, 5, 3), elements=st.integers(0, 2))] * 2)


def one_hot(classes: np.ndarray) -> np.ndarray:
    return np.stack([classes == value for value in range(3)]).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(st.lists(class_maps, min_size=1, max_size=2))
def test_classes_of_volumes_slice_by_slice_and_whole(pairs: list[Pair]) -> None:
    one_hots = [(one_hot(prediction), one_hot(truth)) for prediction, truth in pairs]
    found, details = measure(one_hots, ("dsc", "dsc_3d"), out_channels=3, volumetric=True, spacing_is_real=False)

    def scores(prediction: np.ndarray, truth: np.ndarray) -> list[float]:
        return [dsc_of(prediction == value, truth == value) for value in (1, 2)]

    slices = [scores(p[..., z], t[..., z]) for p, t in pairs for z in range(3)]
    assert details["dsc"].numpy() == pytest.approx(np.array(slices), abs=1e-5)
    assert found["dsc"] == pytest.approx(np.mean(slices), abs=1e-5)
    assert details["dsc_3d"].numpy() == pytest.approx(np.array([scores(*pair) for pair in pairs]), abs=1e-5)


def surface(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    return np.argwhere(mask & ~binary_erosion(mask)) * np.array(spacing)


def test_surface_distances_in_millimetres() -> None:
    spacing = (0.5, 2.0, 3.0)
    generator = np.random.default_rng(0)
    truth = np.zeros((16, 14, 10), bool)
    truth[4:11, 3:10, 2:8] = True
    prediction = np.roll(truth, (1, -1, 0), axis=(0, 1, 2)) & (generator.random(truth.shape) > 0.1)
    found, _ = measure(
        [(prediction[None].astype(np.float32), truth[None].astype(np.float32))],
        ("hd95", "surface_dice"),
        out_channels=1,
        volumetric=True,
        spacing_is_real=True,
        surface_tolerance_mm=1.0,
        affine=torch.diag(torch.tensor([*spacing, 1.0])),
    )
    distances = cdist(surface(prediction, spacing), surface(truth, spacing))
    forth, back = distances.min(axis=1), distances.min(axis=0)
    assert found["hd95"] == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)), abs=1e-4)
    within = (forth <= 1.0).sum() + (back <= 1.0).sum()
    assert found["surface_dice"] == pytest.approx(within / (len(forth) + len(back)), abs=1e-4)


def test_metrics_that_do_not_apply_are_absent() -> None:
    def names(**arguments: Any) -> set[str]:
        return set(evaluation_metrics(out_channels=1, **arguments))

    pictures = {"dsc", "miou", "dsc_256", "miou_256"}
    assert names(volumetric=False, spacing_is_real=True) == pictures
    assert names(volumetric=True, spacing_is_real=False) == pictures | {"dsc_3d"}
    assert names(volumetric=True, spacing_is_real=True) == pictures | {"dsc_3d", "hd95", "surface_dice"}
    whole, some = {"case": "a"}, {"case": "b", "slices": [0, 3]}
    assert "hd95" in names(volumetric=True, spacing_is_real=True, items=[whole])
    assert names(volumetric=True, spacing_is_real=True, items=[whole, some]) == pictures


def test_objects_are_measured_in_pictures_only() -> None:
    assert {"f1_50", "aji"} <= set(evaluation_metrics(1, False, False, instances=True))
    with pytest.raises(ConfigError, match="in pictures only"):
        evaluation_metrics(1, True, False, instances=True)


def test_unknown_rule_for_empty_images() -> None:
    with pytest.raises(ConfigError, match="one, skip"):
        evaluation_metrics(1, False, False, empty_images="zero")


def test_volumes_are_cut_along_the_last_axis() -> None:
    volume = torch.arange(24.0).reshape(1, 2, 3, 4)
    output = [{"pred": volume, "label": -volume}, {"pred": volume[..., :1], "label": volume[..., :1]}]
    images, labels = images_from_engine(["pred", "label"], volumetric=True)(output)
    assert len(images) == len(labels) == 5
    assert torch.equal(labels[1], -volume[..., 1])
    assert torch.equal(images[2], volume[..., 2]) and images[4].shape == (1, 2, 3)


def test_validation_dice_is_of_whole_items() -> None:
    metric = mean_dice(out_channels=1)
    volume = torch.zeros(1, 4, 4, 2)
    volume[..., 0] = 1
    metric.update(metric._output_transform([{"pred": volume, "label": volume}]))
    assert metric.metric_fn.get_buffer().shape == (1, 1, 2)


@settings(max_examples=20, deadline=None)
@given(st.lists(class_maps, min_size=1, max_size=3), st.sampled_from([(), (1,), (2,), (1, 2)]))
def test_validation_dice_leaves_out_classes_that_no_image_has(pairs: list[Pair], removed: tuple[int, ...]) -> None:
    metric = mean_dice(out_channels=3)
    scores: dict[int, list[float]] = {1: [], 2: []}
    present = set()
    for prediction, truth in pairs:
        truth = np.where(np.isin(truth, removed), 0, truth)
        tensors = {"pred": torch.as_tensor(one_hot(prediction)), "label": torch.as_tensor(one_hot(truth))}
        metric.update(metric._output_transform([tensors]))
        for value in scores:
            scores[value].append(dsc_of(prediction == value, truth == value))
        present |= set(np.unique(truth)) - {0}
    counted = [scores[value] for value in (present or scores)]
    assert float(metric.metric_fn.aggregate()) == pytest.approx(np.mean(counted), abs=1e-5)
