"""Logits of images and volumes, whole, by windows, by slices, flipped."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy.ndimage import gaussian_filter1d
from torch import nn

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.inferers import build_inferer


class Blur(nn.Module):
    """A 2D network that counts its calls and refuses metadata."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, ...]] = []
        self.layer = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert type(x) is torch.Tensor
        self.calls.append(tuple(x.shape))
        return self.layer(x)


@torch.no_grad()
def test_volumes_slice_by_slice_in_batches() -> None:
    network, volume = Blur(), torch.rand(1, 1, 9, 7, 5)
    logits = build_inferer(volumetric=True, batch_size=3)(volume, network)
    assert logits.shape == (1, 2, 9, 7, 5)
    assert network.calls == [(3, 1, 9, 7), (2, 1, 9, 7)]
    for index in range(5):
        assert torch.allclose(logits[..., index], network(volume[..., index]), atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("volumetric", [False, True])
def test_windows_agree_with_the_whole_away_from_their_borders(volumetric: bool) -> None:
    network = Blur()
    image = torch.rand(1, 1, 20, 17, *([2] if volumetric else []))
    whole = build_inferer(volumetric)(image, network)
    windows = build_inferer(volumetric, roi=(12, 12), batch_size=2)(image, network)
    assert windows.shape == whole.shape
    assert torch.allclose(windows[:, :, 1:5, 1:5], whole[:, :, 1:5, 1:5], atol=1e-6)


@torch.no_grad()
def test_flips_make_the_logits_equivariant() -> None:
    network, image = Blur(), torch.rand(1, 1, 6, 8)
    inferer = build_inferer(flips=[0, 1])
    logits = inferer(image, network)
    assert len(network.calls) == 4
    assert torch.allclose(inferer(image.flip(2, 3), network), logits.flip(2, 3), atol=1e-6)
    assert not torch.allclose(network(image.flip(2, 3)), network(image).flip(2, 3), atol=1e-6)


@torch.no_grad()
def test_smoothing_along_the_slices_is_that_of_scipy_and_of_nothing_else() -> None:
    network, volume = Blur(), torch.rand(1, 1, 5, 6, 9)
    plain = build_inferer(True)(volume, network)
    smooth = build_inferer(True, slice_smoothing=0.8)(volume, network)
    expected = gaussian_filter1d(plain.numpy(), 0.8, axis=-1, mode="nearest", radius=4)
    # MONAI integrates the Gaussian over each slice, scipy samples it in the middle.
    np.testing.assert_allclose(smooth.numpy(), expected, atol=0.03)
    assert np.abs(smooth.numpy() - expected).mean() < 0.1 * np.abs(plain.numpy() - expected).mean()
    alike = volume[..., :1].expand(1, 1, 5, 6, 4)
    for same in (volume[..., :1], alike):
        torch.testing.assert_close(
            build_inferer(True, slice_smoothing=2.0)(same, network),
            build_inferer(True)(same, network),
            atol=1e-3,
            rtol=0,
        )


def test_smoothing_by_less_than_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="slice_smoothing is -1"):
        build_inferer(True, slice_smoothing=-1)


@torch.no_grad()
def test_metadata_is_kept_for_the_way_back() -> None:
    image = MetaTensor(torch.rand(1, 1, 6, 8), meta={"filename_or_obj": "a.png"})
    logits = build_inferer()(image, Blur())
    assert isinstance(logits, MetaTensor) and logits.meta["filename_or_obj"] == "a.png"


@torch.no_grad()
@pytest.mark.parametrize(
    ("settings", "shape", "total"),
    [
        ({"volumetric": True, "batch_size": 3}, (1, 1, 9, 7, 5), 5),
        ({"volumetric": True, "batch_size": 4, "roi": (6, 6)}, (1, 1, 14, 6, 3), 9),
        ({"roi": (12, 12), "batch_size": 2}, (1, 1, 20, 33), 8),
        ({"flips": [0, 1]}, (1, 1, 6, 8), 1),
        ({"volumetric": True, "batch_size": 2, "flips": [1]}, (1, 1, 6, 8, 5), 5),
    ],
)
def test_progress_counts_slices_and_windows_whatever_is_repeated(
    settings: dict, shape: tuple[int, ...], total: int
) -> None:
    network, said = Blur(), []
    build_inferer(**settings, progress=lambda done, total: said.append((done, total)))(torch.rand(shape), network)
    repeats = 2 ** len(settings.get("flips", []))
    assert sum(len_ for len_, *_ in network.calls) == total * repeats
    assert said[-1] == (total, total) and [done for done, _ in said] == sorted(done for done, _ in said)
    assert [done for done, _ in said].count(total) == 1
