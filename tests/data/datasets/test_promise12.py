"""PROMISE12: MetaImage pairs."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from monai_lwmisn.data import read_dataset
from monai_lwmisn.data.phantom import pelvis_volume
from monai_lwmisn.data.phantom.writers import MR_SPACING
from monai_lwmisn.errors import DataError
from tests.data.formats import load


def test_volumes_come_back_as_made(mr_phantom: Path) -> None:
    items = read_dataset("promise12", mr_phantom)
    assert [item["case"] for item in items] == ["Case00", "Case01", "Case02"]
    volume, prostate = pelvis_volume(48, 12, np.random.default_rng([0, 1]))
    loaded = load("promise12", items[1])
    # The volume was made with x to the left and y to the back; RAS runs to the right and to the front.
    np.testing.assert_array_equal(np.asarray(loaded["image"][0]), volume[::-1, ::-1])
    np.testing.assert_array_equal(np.asarray(loaded["label"][0]), prostate[::-1, ::-1])
    np.testing.assert_allclose(loaded["image"].pixdim, MR_SPACING)


def test_the_files_are_compressed_metaimages(mr_phantom: Path) -> None:
    assert "CompressedData = True" in (mr_phantom / "Case00.mhd").read_text()
    assert SimpleITK.ReadImage(str(mr_phantom / "Case00_segmentation.mhd")).GetSize() == (48, 48, 12)


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        ("Case01_segmentation.mhd", r"Case01\.mhd has no segmentation"),
        ("Case01.mhd", r"Case01_segmentation\.mhd has no image"),
    ],
)
def test_images_and_segmentations_must_pair(mr_phantom: Path, tmp_path: Path, remove: str, message: str) -> None:
    folder = Path(shutil.copytree(mr_phantom, tmp_path / "promise"))
    (folder / remove).unlink()
    with pytest.raises(DataError, match=message):
        read_dataset("promise12", folder)
