"""Tests of what a package exports around the network, against MONAI's classes and our own inference."""

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Orientation

from monai_lwmisn.bundle.bioimageio.network import BrightForeground, PictureNetwork, VolumeNetwork, shown_plane
from monai_lwmisn.inference.inferers import build_inferer
from monai_lwmisn.inference.transforms import BrightForegroundd, NeighbouringSlicesd
from monai_lwmisn.networks import LWMISN
from monai_lwmisn.networks.export import export_torchscript
from tests.networks.small import small_genotype


@pytest.mark.parametrize("height", [20, 21])
def test_bright_backgrounds_are_inverted_one_by_one(height: int) -> None:
    generator = torch.Generator().manual_seed(height)
    images = torch.rand((12, 3, height, 17), generator=generator) ** torch.linspace(0.4, 1.6, 12)[:, None, None, None]
    turned = BrightForeground(1.0)(images)
    for image, result in zip(images, turned, strict=True):
        torch.testing.assert_close(result, BrightForegroundd("image")({"image": image})["image"])
    assert 0 < (turned != images).flatten(1).any(dim=1).sum() < 12


@pytest.mark.parametrize("flips", [[], [1], [0, 1]])
def test_a_picture_gives_the_probabilities_of_our_inference(flips: list[int], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LWMISN(small_genotype(3)).eval()
    pictures = torch.rand(2, 3, 24, 37)
    with torch.inference_mode():
        logits = build_inferer(flips=flips)(pictures.transpose(2, 3), network).transpose(2, 3)
        packed = PictureNetwork(network, flips).eval()
        found = packed(pictures)
        torch.testing.assert_close(found[:, 1:], logits.sigmoid())
        torch.testing.assert_close(found.sum(dim=1), torch.ones(2, 24, 37))
        export_torchscript(packed, tmp_path / "model.ts")
        torch.testing.assert_close(torch.jit.load(str(tmp_path / "model.ts"))(pictures), found)


@pytest.mark.parametrize(
    ("orientation", "plane"),
    [("RAS", "PL"), ("LPS", "PL"), ("ARS", "PL"), ("RSA", "IL"), ("SAR", "IP")],
)
def test_a_slice_has_the_directions_of_a_viewer(orientation: str, plane: str) -> None:
    assert "".join(end for _, end in shown_plane(orientation)) == plane
    torch.manual_seed(0)
    network = LWMISN(small_genotype(1, 3)).eval()
    shown = plane[1] + plane[0] + orientation[2]  # width, height and slice of the array
    volume = torch.rand(1, 22, 31, 3)
    with torch.inference_mode():
        turn, turn_back = Orientation(orientation), Orientation(shown)
        affine = torch.eye(4)
        affine[:3, :3] = torch.tensor(
            [[(1 if end in "RAS" else -1) * (end in row) for end in shown] for row in ("RL", "AP", "SI")]
        )
        seen = turn(MetaTensor(volume, affine=affine))
        logits = build_inferer(volumetric=True, flips=[0])(seen.as_tensor()[None], network)[0]
        expected = turn_back(MetaTensor(logits, affine=seen.affine)).as_tensor().softmax(dim=0)
        found = VolumeNetwork(network, [0], orientation)(volume.permute(0, 3, 2, 1)[None])
    torch.testing.assert_close(found[0].permute(0, 3, 2, 1), expected)


def test_neighbouring_slices_and_smoothing_are_those_of_our_inference(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LWMISN(small_genotype(2, 1, slices=3)).eval()
    volumes = torch.rand(2, 2, 20, 26, 5)  # (B, C, x, y, z), in the orientation of the network
    seen = torch.stack([NeighbouringSlicesd("image", 3)({"image": one})["image"] for one in volumes])
    packed = VolumeNetwork(network, [0], "LPS", slices=3, smoothing=0.8).eval()
    with torch.inference_mode():
        logits = build_inferer(volumetric=True, flips=[0], slice_smoothing=0.8)(seen, network)
        found = packed(volumes.permute(0, 1, 4, 3, 2))
        torch.testing.assert_close(found[:, 1].permute(0, 3, 2, 1), logits[:, 0].sigmoid())
        export_torchscript(packed, tmp_path / "model.ts")
        loaded = torch.jit.load(str(tmp_path / "model.ts"))
        torch.testing.assert_close(loaded(volumes.permute(0, 1, 4, 3, 2)), found)
    assert np.unique(found.numpy() > 0.5).size == 2
