"""Labels without geometry of their own get that of their image, and only listed slices are kept."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Resized

from monai_lwmisn.data.transforms import CheckLabeld, CopyGeometryd, SelectSlicesd
from monai_lwmisn.errors import DataError

AFFINE = torch.tensor([[-2.0, 0, 0, 5], [0, -2, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]], dtype=torch.float64)
TURNED = torch.tensor([[2.0, 0, 0, -1], [0, 2, 0, -2], [0, 0, 3, 7], [0, 0, 0, 1]], dtype=torch.float64)


def loaded_image(*shape: int, name: str = "series") -> MetaTensor:
    """An image that was turned after it was loaded."""
    meta = {"filename_or_obj": name, "original_affine": AFFINE.numpy(), "spatial_shape": np.array(shape)}
    return MetaTensor(torch.zeros(1, *reversed(shape)), affine=TURNED, meta=meta)


def label_of(*shape: int) -> MetaTensor:
    return MetaTensor(torch.ones(1, *shape), meta={"filename_or_obj": "mask.png", "spatial_shape": np.array(shape)})


def test_the_affine_is_that_of_the_image_as_it_was_loaded() -> None:
    label = label_of(4, 5, 6)
    result = CopyGeometryd("label")({"image": loaded_image(4, 5, 6), "label": label})["label"]
    np.testing.assert_array_equal(result.affine, AFFINE)
    assert result.meta["filename_or_obj"] == "mask.png"
    assert torch.equal(result.as_tensor(), label.as_tensor())


def test_a_label_with_geometry_of_its_own_keeps_it() -> None:
    label = label_of(4, 5, 7)
    label.meta["original_affine"] = np.eye(4)
    assert CopyGeometryd("label")({"image": loaded_image(4, 5, 6), "label": label})["label"] is label


def test_a_single_mask_belongs_to_a_volume_of_one_slice() -> None:
    result = CopyGeometryd("label")({"image": loaded_image(4, 5, 1), "label": label_of(4, 5)})["label"]
    assert result.shape == (1, 4, 5, 1)
    np.testing.assert_array_equal(result.affine, AFFINE)


def test_unequal_shapes_are_refused_with_both_files() -> None:
    with pytest.raises(DataError, match=r"mask\.png has the size \(4, 5, 7\), but its image series has \(4, 5, 6\)"):
        CopyGeometryd("label")({"image": loaded_image(4, 5, 6), "label": label_of(4, 5, 7)})


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


def pair(values: tuple[float, ...] = (0, 1), shift: float = 0, shape: tuple[int, ...] = (1, 4, 5, 6)) -> dict:
    label = torch.zeros(shape)
    label.view(-1)[: len(values)] = torch.tensor(values)
    moved = AFFINE.clone()
    moved[0, 3] += shift
    image = MetaTensor(torch.zeros(3, 4, 5, 6), affine=AFFINE, meta={"filename_or_obj": "series"})
    return {"image": image, "label": MetaTensor(label, affine=moved, meta={"filename_or_obj": "mask.nii"})}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (pair((0, 1, 2)), r"mask\.nii has the value 2, but the classes are 0, 1: renumber"),
        (pair((0, 0.5)), r"has the value 0\.5, but"),
        (pair((0, 256)), r"has the value 256, but"),
        (pair((float("nan"),)), "has the value nan, but"),
        (pair(shift=12), r"mask\.nii is not where its image series is: .* up to 12 mm apart"),
        (pair(shape=(1, 4, 5, 7)), r"series is 4x5x6 but its label mask\.nii is 4x5x7"),
        (pair(shape=(3, 4, 5, 6)), r"mask\.nii has the shape 4x5x6x3, .*: save it with one channel"),
    ],
)
def test_a_label_that_is_not_that_of_its_image_is_refused(data: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        CheckLabeld("label", {"1": "organ"})(data)
    good = pair(shift=0.1)
    assert CheckLabeld("label", {"1": "organ"})(good)["label"] is good["label"]
