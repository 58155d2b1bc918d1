"""Windows of large pictures, beside the whole picture."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import avg_pool2d, interpolate

from monai_lwmisn.inference.inferers import build_inferer
from monai_lwmisn.light.windows import ALIGNMENT, aligned_window, in_windows


@given(st.integers(1, 3000), st.integers(1, 700), st.floats(0, 0.9))
def test_windows_cover_the_picture(length: int, side: int, overlap: float) -> None:
    window, step = aligned_window(length, side, overlap)
    assert min(length, side) <= window <= length and window < side + ALIGNMENT
    assert 1 <= step <= max(1, side * (1 - overlap)) or window == length
    if step >= ALIGNMENT and window < length:
        assert step % ALIGNMENT == 0 and (length - window) % ALIGNMENT == 0


@pytest.mark.parametrize("shape", [(300, 700), (513, 512), (640, 999)])
def test_a_network_that_halves_seven_times_sees_the_same_pixels(shape: tuple[int, int]) -> None:
    """Each 128x128 pixels become their mean, so that any other beginning of a window gives other values.

    Where a window ends within 128 pixels, their mean is another, and the mean of two windows is near it.
    """
    picture = torch.rand(1, 1, *shape)

    def network(image: torch.Tensor) -> torch.Tensor:
        means = avg_pool2d(image, 128, ceil_mode=True, count_include_pad=False)
        return interpolate(means, scale_factor=128)[..., : image.shape[2], : image.shape[3]]

    def light(part: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(part).movedim(-1, 0)[None])[0].movedim(0, -1).numpy()

    whole = network(picture)
    windows = build_inferer(roi=(512, 512))(picture, network)
    found = in_windows(picture[0].movedim(0, -1).numpy(), light, (512, 512))
    np.testing.assert_allclose(found, windows[0].movedim(0, -1), rtol=1e-5)
    assert torch.isclose(windows, whole).float().mean() > 0.85
