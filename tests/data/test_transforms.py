"""Labels get the geometry of their image, and only the listed slices are kept."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Orientation, Resized
from monai.utils import MetaKeys

from monai_lwmisn.data.transforms import CopyGeometryd, SelectSlicesd
from monai_lwmisn.errors import DataError

AFFINE = torch.tensor([[-2.0, 0, 0, 5], [0, -2, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]], dtype=torch.float64)


def loaded(voxels: torch.Tensor, name: str) -> MetaTensor:
    """An image as its reader gives it."""
    geometry = {MetaKeys.ORIGINAL_AFFINE: AFFINE, MetaKeys.SPATIAL_SHAPE: voxels.shape[1:]}
    return MetaTensor(voxels, affine=AFFINE, meta={"filename_or_obj": name, **geometry})


def test_the_affine_is_copied_and_the_voxels_are_not_touched() -> None:
    image = loaded(torch.zeros(1, 4, 5, 6), "series")
    label = MetaTensor(torch.ones(1, 4, 5, 6), meta={"filename_or_obj": "mask.png"})
    result = CopyGeometryd("label")({"image": image, "label": label})["label"]
    np.testing.assert_array_equal(result.affine, AFFINE)
    assert result.meta["filename_or_obj"] == "mask.png"
    assert torch.equal(result.as_tensor(), label.as_tensor())


def test_the_affine_is_that_of_the_file_where_the_image_was_turned_meanwhile() -> None:
    image = Orientation("RAS", labels=None)(loaded(torch.zeros(1, 4, 5, 6), "series"))
    assert not torch.equal(image.affine, AFFINE)
    label = MetaTensor(torch.ones(1, 4, 5, 6), meta={"filename_or_obj": "mask.png"})
    np.testing.assert_array_equal(CopyGeometryd("label")({"image": image, "label": label})["label"].affine, AFFINE)


def test_a_label_with_geometry_of_its_own_keeps_it() -> None:
    image, label = loaded(torch.zeros(1, 4, 5, 6), "image"), loaded(torch.ones(1, 4, 5, 6), "label")
    label.affine = 2 * AFFINE
    assert CopyGeometryd("label")({"image": image, "label": label})["label"] is label


def test_unequal_shapes_are_refused_with_both_files() -> None:
    image = loaded(torch.zeros(1, 4, 5, 6), "series")
    label = MetaTensor(torch.ones(1, 4, 5, 7), meta={"filename_or_obj": "mask.png"})
    with pytest.raises(DataError, match=r"mask\.png has the size \(4, 5, 7\), but its image series has \(4, 5, 6\)"):
        CopyGeometryd("label")({"image": image, "label": label})


def test_listed_slices_are_kept_in_order() -> None:
    volume = torch.arange(5.0).expand(1, 2, 2, 5)
    result = SelectSlicesd(["image", "label"])({"image": volume, "label": 10 * volume, "slices": [1, 4]})
    assert result["image"].shape == (1, 2, 2, 2)
    assert result["image"][0, 0, 0].tolist() == [1, 4]
    assert result["label"][0, 1, 1].tolist() == [10, 40]


def test_without_a_list_all_are_kept() -> None:
    volume = torch.zeros(1, 2, 2, 5)
    assert SelectSlicesd("image")({"image": volume})["image"] is volume


def test_slices_are_not_selected_twice() -> None:
    select = SelectSlicesd("image")
    result = select(select({"image": torch.arange(5.0).expand(1, 2, 2, 5), "slices": [1, 4]}))
    assert result["image"][0, 0, 0].tolist() == [1, 4]


def test_transforms_before_are_undone_for_the_slices_kept() -> None:
    volume = torch.arange(5.0).expand(1, 4, 6, 5)
    resize = Compose([Resized("image", (8, 8, -1), mode="trilinear")])
    resized = resize({"image": MetaTensor(volume), "slices": [1, 4]})
    undone = resize.inverse(SelectSlicesd("image")(resized))["image"]
    assert torch.allclose(undone.as_tensor(), volume[..., [1, 4]])
    assert resized["image"].applied_operations[-1]["orig_size"] == (4, 6, 5)
