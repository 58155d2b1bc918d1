"""Only the slices that the datalist lists are kept."""

import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Resized

from monai_lwmisn.data.transforms import SelectSlicesd


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
