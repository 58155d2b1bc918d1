"""Connected regions, compared with SciPy's."""

import hypothesis.extra.numpy as arrays
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from monai_lwmisn.light.regions import Regions

MASKS = arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=3, max_side=7))


@settings(max_examples=200, deadline=None)
@given(MASKS, st.integers(1, 3))
def test_they_are_those_of_scipy_in_the_same_order(mask: np.ndarray, connectivity: int) -> None:
    connectivity = min(connectivity, mask.ndim)
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(mask.ndim, connectivity))
    regions = Regions(mask, connectivity)
    assert regions.sizes.tolist() == np.bincount(labels.ravel(), minlength=count + 1)[1:].tolist()
    for number in range(count):
        np.testing.assert_array_equal(regions.mask_of(np.arange(count) == number), labels == number + 1)
    inner = labels[tuple(slice(1, -1) for _ in mask.shape)]
    border = np.pad(np.zeros(inner.shape, bool), 1, constant_values=True) if min(mask.shape) > 1 else labels >= 0
    assert regions.at_border().tolist() == [bool((border & (labels == number + 1)).any()) for number in range(count)]


def test_a_mask_without_a_pixel_has_none() -> None:
    regions = Regions(np.zeros((3, 4), bool))
    assert not len(regions.sizes) and not regions.mask_of(np.zeros(0, bool)).any()
