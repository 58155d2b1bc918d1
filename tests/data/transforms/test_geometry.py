"""Labels without geometry of their own get that of their image."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_lwmisn.data.transforms import CopyGeometryd
from monai_lwmisn.errors import DataError

AFFINE = torch.tensor([[-2.0, 0, 0, 5], [0, -2, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]], dtype=torch.float64)


def test_the_affine_is_copied_and_the_voxels_are_not_touched() -> None:
    image = MetaTensor(torch.zeros(1, 4, 5, 6), affine=AFFINE)
    label = MetaTensor(torch.ones(1, 4, 5, 6), meta={"filename_or_obj": "mask.png"})
    result = CopyGeometryd("label")({"image": image, "label": label})["label"]
    np.testing.assert_array_equal(result.affine, AFFINE)
    assert result.meta["filename_or_obj"] == "mask.png"
    assert torch.equal(result.as_tensor(), label.as_tensor())


def test_unequal_shapes_are_refused_with_both_files() -> None:
    image = MetaTensor(torch.zeros(1, 4, 5, 6), meta={"filename_or_obj": "series"})
    label = MetaTensor(torch.ones(1, 4, 5, 7), meta={"filename_or_obj": "mask.png"})
    with pytest.raises(DataError, match=r"mask\.png has the size \(4, 5, 7\), but its image series has \(4, 5, 6\)"):
        CopyGeometryd("label")({"image": image, "label": label})
