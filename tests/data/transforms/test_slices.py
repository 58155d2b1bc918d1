"""Only the slices that the datalist lists are kept."""

import torch

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
