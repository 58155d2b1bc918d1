"""Bright backgrounds are inverted, dark ones left alone."""

import numpy as np
import pytest
import torch
from monai.transforms import Compose, ScaleIntensityRanged

from monai_lwmisn.data.phantom import nuclei_picture
from monai_lwmisn.data.phantom.nuclei import STAINS
from monai_lwmisn.data.transforms import BrightForegroundd


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
