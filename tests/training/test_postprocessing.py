"""From logits on the network's grid back to the native grid."""

from typing import Any

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, RemoveSmallObjectsd, Resized

from monai_lwmisn.errors import own_error
from monai_lwmisn.inference.postprocessing import native_mask
from monai_lwmisn.training.postprocessing import native_prediction, with_native_label

IN_PLANE = (24, 36)


def disc(shape: tuple[int, ...]) -> torch.Tensor:
    """Classes (1, *shape): a disc of class 1 in a ring of class 2."""
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, shape[0]), torch.linspace(-1, 1, shape[1]), indexing="ij")
    radius = (rows**2 + columns**2).sqrt()
    classes = (radius < 0.8).long() + ((radius < 0.8) & (radius > 0.5)).long()
    return classes.reshape(1, *shape[:2], *[1] * (len(shape) - 2)).expand(1, *shape).clone()


def resized_and_back(truth: torch.Tensor, out_channels: int, volumetric: bool) -> dict[str, Any]:
    """A network that finds the truth on its own grid, and what becomes of its logits."""
    size = (48, 48, -1) if volumetric else (48, 48)
    spatial = [Resized(["image", "label"], size, mode=["trilinear" if volumetric else "bilinear", "nearest"])]
    data = Compose(spatial)({"image": MetaTensor(truth.float()), "label": MetaTensor(truth)})
    one_hot = torch.nn.functional.one_hot(data["label"].as_tensor()[0].long(), 3).movedim(-1, 0)
    logits = 20.0 * one_hot - 10.0 if out_channels == 3 else 20.0 * (data["label"].as_tensor() > 0) - 10.0
    batch = {
        "image": data["image"],
        "label": MetaTensor(truth),
        "pred": MetaTensor(logits).copy_meta_from(data["image"]),
    }
    return native_prediction(spatial, out_channels, volumetric, published_size=True)(batch)


@pytest.mark.parametrize("volumetric", [False, True])
@pytest.mark.parametrize("out_channels", [1, 3])
def test_a_perfect_network_is_perfect_on_the_native_grid(out_channels: int, volumetric: bool) -> None:
    shape = (*IN_PLANE, 4) if volumetric else IN_PLANE
    truth = disc(shape)
    if out_channels == 1:
        truth = (truth > 0).long()
    result = resized_and_back(truth, out_channels, volumetric)
    assert result["pred"].shape == result["label"].shape == (out_channels, *shape)
    assert (result["pred"] == result["label"]).float().mean() > 0.98
    assert set(result["pred"].unique().tolist()) == {0.0, 1.0}
    published = (256, 256, 4) if volumetric else (256, 256)
    assert result["pred_256"].shape == result["label_256"].shape == (out_channels, *published)
    assert (result["pred_256"] == result["label_256"]).float().mean() > 0.97


@pytest.mark.parametrize("out_channels", [1, 3])
def test_a_value_of_no_class_reaches_no_metric(out_channels: int) -> None:
    label = torch.full((1, *IN_PLANE), 3)
    with pytest.raises(RuntimeError) as caught:
        native_prediction([], out_channels)({"pred": torch.zeros(out_channels, *IN_PLANE), "label": label})
    assert "has the value 3, but the classes are 0, 1" in str(own_error(caught.value))


@pytest.mark.parametrize("out_channels", [1, 3])
def test_an_evaluation_postprocesses_as_an_inference_does(out_channels: int) -> None:
    """The same logits, by way of either, are the same classes; a speck is gone from both."""
    classes = disc(IN_PLANE).clamp(max=out_channels - 1 or 1)
    classes[0, 0, 0] = 1
    logits = 20.0 * (torch.nn.functional.one_hot(classes[0], 3).movedim(-1, 0) if out_channels == 3 else classes) - 10
    removal = [RemoveSmallObjectsd("pred", min_size=2, independent_channels=False)]
    data = {"image": MetaTensor(classes.float()), "label": classes, "pred": MetaTensor(logits)}
    mask = Compose(native_mask(Compose([]), out_channels) + removal)(data)["pred"]
    found = native_prediction([], out_channels, postprocessing=removal)(data)
    assert torch.equal(found["pred"] if out_channels == 1 else found["pred"].argmax(0, keepdim=True), mask)
    assert mask[0, 0, 0] == 0 and torch.equal(mask[0, 1:], classes[0, 1:])
    assert found["pred"].shape == found["label"].shape == (out_channels, *IN_PLANE)


def test_objects_of_the_cleaned_mask_stand_beside_those_of_the_truth() -> None:
    truth = torch.zeros(1, 9, 20)
    truth[:, 2:7, 2:7], truth[:, 2:7, 10:15], truth[:, 0, 19] = 5, 7, 9
    logits = 20 * (truth > 0).float() - 10
    batch = {"image": MetaTensor(truth), "label": (truth > 0).float(), "pred": MetaTensor(logits)}
    removal = [RemoveSmallObjectsd("pred", min_size=2)]
    result = native_prediction([], 1, postprocessing=removal, instances=True)({**batch, "true_instances": truth})
    assert result["instances"].unique().tolist() == [0, 1, 2]
    assert torch.equal(result["label_instances"], truth)


def test_the_label_of_an_evaluation_is_the_truth() -> None:
    batch = {"image": torch.zeros(1), "label": torch.ones(1), "truth": torch.full((1,), 2.0)}
    image, label = with_native_label(batch, torch.device("cpu"))
    assert (image.item(), label.item()) == (0.0, 2.0)
