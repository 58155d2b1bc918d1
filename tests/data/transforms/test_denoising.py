"""The published denoising: noise goes, edges stay, SimpleITK does it."""

import numpy as np
import SimpleITK
import torch
from monai.data import MetaTensor

from monai_lwmisn.data.transforms import CurvatureFlowd


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
