"""Tests of how the preparation of images is said in steps of BioImage.IO's specification."""

from pathlib import Path

import numpy as np
import pytest
from monai.transforms import NormalizeIntensity, ScaleIntensityRange, ScaleIntensityRangePercentiles

from monai_lwmisn.bundle.bioimageio.network import BrightForeground
from monai_lwmisn.bundle.bioimageio.steps import Step, preparation
from monai_lwmisn.errors import ConfigError

WINDOW = {"a_min": -100.0, "a_max": 240.0, "b_min": -1.0, "b_max": 1.0, "clip": True}
PERCENTILES = {"lower": 1.0, "upper": 99.0, "b_min": 0.0, "b_max": 1.0, "clip": True}


def apply(step: Step, image: np.ndarray) -> np.ndarray:
    """A step by the words of the specification, on an image (channel, y, x)."""
    given = step["kwargs"]
    axes = tuple(("channel", "y", "x").index(axis) for axis in given.get("axes", ()))
    if step["id"] == "scale_linear":
        return image * given["gain"] + given["offset"]
    if step["id"] == "clip":
        return np.clip(image, given["min"], given["max"])
    if step["id"] == "zero_mean_unit_variance":
        return (image - image.mean(axes, keepdims=True)) / (image.std(axes, keepdims=True) + 1e-6)
    assert step["id"] == "scale_range"
    low, high = (np.percentile(image, given[f"{end}_percentile"], axes, keepdims=True) for end in ("min", "max"))
    return (image - low) / (high - low + 1e-6)


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        ("ScaleIntensityRanged", WINDOW, ScaleIntensityRange(**WINDOW)),
        ("ScaleIntensityRangePercentilesd", PERCENTILES, ScaleIntensityRangePercentiles(**PERCENTILES)),
        (
            "ScaleIntensityRangePercentilesd",
            {**PERCENTILES, "b_min": 2.0, "b_max": 5.0, "clip": False, "channel_wise": True},
            ScaleIntensityRangePercentiles(1, 99, 2, 5, channel_wise=True),
        ),
        ("NormalizeIntensityd", {}, NormalizeIntensity()),
        ("NormalizeIntensityd", {"channel_wise": True}, NormalizeIntensity(channel_wise=True)),
    ],
)
def test_the_steps_do_what_the_transform_of_monai_does(kind: str, arguments: dict, expected: object) -> None:
    image = np.random.default_rng(0).normal((50, 120, 300), 80, (31, 40, 3)).transpose(2, 0, 1)
    space = "zyx" if kind == "ScaleIntensityRanged" else "yx"
    steps, brightness = preparation([{"_target_": kind, "keys": "image", **arguments}], space, "mine")
    prepared = image
    for step in steps:
        prepared = apply(step, prepared)
    np.testing.assert_allclose(prepared, np.asarray(expected(image.astype(np.float32))), atol=1e-4)
    assert brightness is None


def test_the_inversion_of_bright_backgrounds_is_left_to_the_network() -> None:
    scale = {"_target_": "ScaleIntensityRangePercentilesd", "keys": "image", **PERCENTILES}
    turn = {"_target_": "monai_lwmisn.inference.transforms.BrightForegroundd", "keys": "image"}
    steps, brightness = preparation([scale, turn], "yx", "mine")
    assert [step["id"] for step in steps] == ["scale_range", "clip"]
    assert isinstance(brightness, BrightForeground) and brightness.maximum == 1
    with pytest.raises(ConfigError, match="prepares images with ScaleIntensityRangePercentilesd"):
        preparation([turn, scale], "yx", "mine")


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("NormalizeIntensityd", {"channel_wise": True, "nonzero": True}),
        ("ScaleIntensityRanged", WINDOW),  # of pictures
        ("NormalizeIntensityd", {"subtrahend": 0.3, "divisor": 0.2}),
        ("ScaleIntensityRangePercentilesd", {**PERCENTILES, "relative": True}),
        ("monai_lwmisn.inference.transforms.CurvatureFlowd", {"iterations": 5}),
    ],
)
def test_what_the_specification_cannot_say_is_refused(kind: str, arguments: dict) -> None:
    with pytest.raises(ConfigError) as caught:
        preparation([{"_target_": kind, "keys": "image", **arguments}], "yx", Path("bundles/mine"))
    name, first = kind.rpartition(".")[2], next(iter(arguments.items()))
    assert str(caught.value).startswith(f"bundles/mine prepares images with {name} ({first[0]}={first[1]}")
    assert "\n" not in str(caught.value) and str(caught.value).endswith("share it as a standalone bundle.")
