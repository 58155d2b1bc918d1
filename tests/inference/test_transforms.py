"""Transforms of images: denoising, polarity, and warnings about what the network was not made for."""

import warnings

import numpy as np
import pytest
import SimpleITK
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from monai.transforms import Compose, ScaleIntensityRanged

from monai_lwmisn.data.phantom import nuclei_picture
from monai_lwmisn.data.phantom.nuclei import STAINS
from monai_lwmisn.errors import ConfigError, DataError, InputWarning
from monai_lwmisn.inference.transforms import (
    AcquisitionAxisd,
    BrightForegroundd,
    CheckImaged,
    CurvatureFlowd,
    NeighbouringSlicesd,
)
from monai_lwmisn.light.image_checks import check_image, check_slice_axis


def noisy_step(*shape: int) -> np.ndarray:
    step = np.zeros(shape, dtype=np.float32)
    step[:, shape[1] // 2 :] = 10
    return step + np.random.default_rng(0).normal(0, 0.5, shape).astype(np.float32)


def test_noise_goes_and_the_edge_stays() -> None:
    image = noisy_step(1, 32, 32)
    smooth = CurvatureFlowd("image")({"image": torch.as_tensor(image)})["image"].numpy()
    assert smooth[0, 2:14].std() < 0.7 * image[0, 2:14].std()
    assert smooth[0, 17].mean() - smooth[0, 14].mean() > 9


def test_every_slice_of_every_channel_is_what_simpleitk_gives() -> None:
    volume = MetaTensor(torch.as_tensor(noisy_step(2, 12, 10, 3)), affine=torch.eye(4) * 2)
    smooth = CurvatureFlowd("image", time_step=0.1, iterations=3)({"image": volume})["image"]
    assert isinstance(smooth, MetaTensor) and torch.equal(smooth.affine, volume.affine)
    for channel in range(2):
        for index in range(3):
            picture = SimpleITK.GetImageFromArray(volume[channel, :, :, index].numpy())
            expected = SimpleITK.GetArrayFromImage(SimpleITK.CurvatureFlow(picture, 0.1, 3))
            np.testing.assert_allclose(smooth[channel, :, :, index].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("stain", sorted(set(STAINS)))
def test_nuclei_are_brighter_than_the_background_whatever_the_stain(stain: str) -> None:
    transform = Compose([ScaleIntensityRanged("image", 0, 255, 0, 1), BrightForegroundd("image")])
    for seed in range(5):
        picture, instances = nuclei_picture(128, stain, np.random.default_rng(seed))
        image = transform({"image": torch.as_tensor(picture.transpose(2, 0, 1), dtype=torch.float32)})["image"]
        grey, nuclei = image.mean(dim=0), torch.as_tensor(instances > 0)
        assert grey[nuclei].mean() > grey[~nuclei].mean()
        assert image.min() >= 0 and image.max() <= 1


def test_only_the_named_keys_are_touched_and_inverting_twice_gives_the_image() -> None:
    bright = torch.tensor([[[200.0, 210.0, 10.0]]])
    transform = BrightForegroundd("image", maximum=255.0)
    once = transform({"image": bright, "other": bright})
    assert once["image"].tolist() == [[[55.0, 45.0, 245.0]]]
    assert torch.equal(once["other"], bright)
    assert torch.equal(transform(once)["image"], once["image"])
    assert BrightForegroundd("missing", allow_missing_keys=True)({"image": bright})["image"] is bright


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["CT", "MR", "microscopy"]),
    st.floats(0, 0.9),
    st.integers(-1024, 0),
    st.integers(0, 3),
)
def test_values_are_warned_of_by_the_share_of_air(modality: str, share: float, lowest: int, seed: int) -> None:
    image = np.random.default_rng(seed).uniform(0, 400, (1, 20, 20, 5)).astype(np.float32)
    air = np.random.default_rng(seed).random(image.shape) < share
    image[air] = lowest
    said = check_image(image, 1, modality, "a.nii")
    has_air = lowest < -500 and air.any()
    expected = {
        "CT": not has_air and image.min() > -500,
        "MR": lowest < -500 and air.mean() > 0.01,
        "microscopy": False,
    }[modality]
    assert len(said) == expected and all(sentence.startswith("a.nii ") for sentence in said)


@pytest.mark.parametrize(("highest", "warned"), [(255, False), (256, True), (4095, True)])
def test_a_picture_of_ct_holds_hounsfield_units_of_8_bits(highest: int, warned: bool) -> None:
    picture = np.tile(np.linspace(0, highest, 20 * 20).reshape(1, 20, 20), (3, 1, 1))
    said = check_image(picture, 3, "CT", "a.png")
    assert len(said) == warned
    assert all(f"a.png has values up to {highest}" in sentence for sentence in said)
    assert check_image(picture, 3, "microscopy", "a.png") == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    image = np.zeros((1, 3, 3), np.float32)
    image[0, 1, 2] = value
    with pytest.raises(DataError, match="a.png has voxels that are NaN or infinite"):
        check_image(image, 1, "MR", "a.png")
    with pytest.raises(DataError, match="a.png has 1 channel .* takes 3"):
        check_image(image, 3, "MR", "a.png")


@pytest.mark.parametrize("modality", ["MR", "microscopy"])
def test_an_image_that_scaling_leaves_flat_is_warned_of(modality: str) -> None:
    image = np.random.default_rng(0).uniform(0, 400, (1, 30, 30, 20)).astype(np.float32)
    assert check_image(image, 1, modality, "a.nii") == []
    image[0, 3, 4, 5] = 1e30
    (said,) = check_image(image, 1, modality, "a.nii")
    assert said.startswith("a.nii has values from") and "to 1e+30, and nearly all lie within a thousandth" in said
    (said,) = check_image(np.full_like(image, 7), 1, modality, "a.nii")
    assert said == "a.nii has the value 7 everywhere: there is nothing to see in it."
    sparse = np.zeros_like(image)  # three cells on a dark ground
    sparse[0, :3, :3, :3] = 200
    assert check_image(sparse, 1, modality, "a.nii") == []


@pytest.mark.parametrize(("spacing", "warned"), [((1, 1, 1), 0), ((1, 1, 3), 0), ((3, 1, 1), 1), ((1.4, 1, 1), 0)])
def test_slices_along_a_coarse_axis_are_warned_of(spacing: tuple[float, ...], warned: int) -> None:
    assert len(check_slice_axis(np.array(spacing, dtype=float), "a.nii")) == warned


def test_the_transforms_warn_with_the_name_of_the_file_and_change_nothing() -> None:
    affine = torch.diag(torch.tensor([4.0, 1, 1, 1]))
    image = MetaTensor(torch.arange(64.0).reshape(1, 4, 4, 4) - 900, affine=affine, meta={"filename_or_obj": "a.nii"})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for transform in (CheckImaged("image", 1, "MR"), AcquisitionAxisd("image")):
            assert transform({"image": image})["image"] is image
    said = [str(one.message) for one in caught if one.category is InputWarning]
    assert said[0].startswith("a.nii looks like CT") and said[1].startswith("a.nii is sliced along")


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3), st.integers(1, 7), st.sampled_from((1, 3, 5)))
def test_the_channels_are_those_of_the_slices_in_their_order(channels: int, depth: int, slices: int) -> None:
    volume = np.random.default_rng(0).random((channels, 3, 2, depth), dtype=np.float32)
    image = MetaTensor(torch.as_tensor(volume), affine=torch.diag(torch.tensor([2.0, 2.0, 5.0, 1.0])))
    seen = NeighbouringSlicesd("image", slices)({"image": image, "label": image})
    assert torch.equal(seen["label"], image) and torch.equal(seen["image"].affine, image.affine)
    assert seen["image"].shape == (slices * channels, 3, 2, depth)
    for index in range(depth):
        expected = [
            volume[channel, :, :, min(max(index + step, 0), depth - 1)]
            for step in range(-(slices // 2), slices // 2 + 1)
            for channel in range(channels)
        ]
        np.testing.assert_array_equal(seen["image"][..., index], np.stack(expected))


def test_one_slice_is_the_image_itself_and_a_picture_has_no_neighbours() -> None:
    image = torch.rand(3, 8, 9)
    assert NeighbouringSlicesd("image", 1)({"image": image})["image"] is image
    with pytest.raises(ConfigError, match="takes 3 neighbouring slices of a volume, and image is a picture"):
        NeighbouringSlicesd("image", 3)({"image": image})
