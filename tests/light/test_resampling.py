"""Resampling, compared with MONAI's Spacing and Resize there and back."""

import numpy as np
import pytest
from monai.data import MetaTensor
from monai.transforms import Resize, Spacing

from monai_lwmisn.errors import DataError
from monai_lwmisn.light.resampling import interpolate, positions_by_size, positions_by_spacing, spacing_of


@pytest.mark.parametrize("wanted", [(1.1, 0.6), (0.5, 0.5), (0.7005, 2.0)])
def test_a_spacing_gives_what_monai_gives_there_and_back(wanted: tuple[float, float]) -> None:
    volume = np.random.default_rng(0).normal(size=(2, 13, 17, 4)).astype(np.float32)
    affine = np.array([[0, -0.8, 0, 5], [0.7, 0, 0, -3], [0, 0, 3, 2], [0, 0, 0, 1.0]])
    spacing = spacing_of(affine, "it")
    np.testing.assert_allclose(spacing, [0.7, 0.8, 3])
    transform = Spacing((*wanted, -1), mode="bilinear")
    expected = transform(MetaTensor(volume, affine=affine))
    found = interpolate(volume, [positions_by_spacing(*one) for one in zip((13, 17), spacing, wanted, strict=False)])
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
    back = interpolate(
        found,
        [
            None if positions_by_spacing(length, own, other) is None else np.arange(length) * own / other
            for length, own, other in zip((13, 17), spacing, wanted, strict=False)
        ],
    )
    np.testing.assert_allclose(back, transform.inverse(expected).numpy(), atol=1e-4)


def test_a_size_gives_what_monai_gives() -> None:
    volume = np.random.default_rng(0).normal(size=(1, 13, 17, 4)).astype(np.float32)
    expected = Resize((20, 9, -1), mode="trilinear")(MetaTensor(volume)).numpy()
    places = [positions_by_size(13, 20), positions_by_size(17, 9)]
    np.testing.assert_allclose(interpolate(volume, places), expected, atol=1e-5)


def test_sheared_axes_are_refused() -> None:
    affine = np.eye(4)
    affine[1, 2] = 0.2
    with pytest.raises(DataError, match="case.nii has sheared axes"):
        spacing_of(affine, "case.nii")
