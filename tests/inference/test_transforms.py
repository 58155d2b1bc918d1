"""Transforms of values: denoising and polarity."""

import numpy as np
import pytest
import SimpleITK
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, ScaleIntensityRanged

from monai_lwmisn.data.phantom import nuclei_picture
from monai_lwmisn.data.phantom.nuclei import STAINS
from monai_lwmisn.inference.transforms import BrightForegroundd, CurvatureFlowd


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
