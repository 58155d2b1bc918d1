"""Stacks of pages are data sets of pictures."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from monai_lwmisn.data import read_dataset, split_datalist
from monai_lwmisn.data.datalist import read_datalist, write_datalist
from monai_lwmisn.data.groups import group_items
from monai_lwmisn.data.relocation import relocate_datalist
from monai_lwmisn.errors import DataError, InputWarning
from monai_lwmisn.light.tiff_stacks import split_page


def stacks(folder: Path, *pages: int, label_pages: int | None = None) -> Path:
    for index, count in enumerate(pages):
        for kind, own in (("images", count), ("labels", label_pages or count)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            array = np.random.default_rng(index).integers(0, 2, (own, 16, 16), np.uint8)
            tifffile.imwrite(folder / kind / f"s{index}.tif", array, photometric="minisblack")
    return folder


def test_each_page_is_an_item_and_each_stack_a_case(tmp_path: Path) -> None:
    with pytest.warns(InputWarning, match="Read 9 pages of 3 TIFFs .* the pages of each TIFF are a case"):
        items = read_dataset("folder", stacks(tmp_path, 3, 4, 2))
    assert len(items) == 9
    for item in items:
        assert [split_page(item[key])[1] for key in ("image", "label")] == [int(item["case"][-4:])] * 2
    assert len({item["group"] for item in group_items(items, own_pictures=True).items}) == 3


def test_one_stack_is_cut_into_blocks_of_neighbours(tmp_path: Path) -> None:
    with pytest.warns(InputWarning, match="5 blocks of neighbouring pages .* somewhat too good"):
        items = read_dataset("folder", stacks(tmp_path, 20))
    items = group_items(items, own_pictures=True).items
    groups = [item["group"] for item in items]
    assert [groups.count(group) for group in dict.fromkeys(groups)] == [4] * 5
    assert groups == sorted(groups, key=groups.index)  # neighbours stand together
    datalist = split_datalist(items, folds=5, fold=2)
    assert len({item["group"] for item in datalist["test"]}) == 1


def test_image_and_label_have_the_same_pages(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"images/s0.tif has 4 pages and its label .*labels/s0.tif has 3"):
        read_dataset("folder", stacks(tmp_path / "a", 4, label_pages=3))
    (item,) = read_dataset("folder", stacks(tmp_path / "b", 3, label_pages=1))
    assert item["image"].endswith("images/s0.tif")  # its pages may be channels: the reader refuses it


def test_a_datalist_of_pages_can_be_moved(tmp_path: Path) -> None:
    with pytest.warns(InputWarning):
        datalist = split_datalist(read_dataset("folder", stacks(tmp_path / "old", 6)), folds=3)
    write_datalist(datalist, tmp_path / "datalist.json")
    (tmp_path / "old").rename(tmp_path / "new")
    relocate_datalist(tmp_path / "datalist.json", tmp_path / "old", tmp_path / "new")
    assert all(str(tmp_path / "new") in item["image"] for item in read_datalist(tmp_path / "datalist.json")["test"])
