"""One's own data in ``images/`` and ``labels/``, in every format that is read."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from monai.transforms import LoadImage
from PIL import Image

from monai_lwmisn.data import read_dataset
from monai_lwmisn.data.datasets import scan_dataset
from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.readers import LabelReader, PictureReader, VolumeReader


def write(path: Path, array: np.ndarray) -> None:
    """Write an array (x, y[, z])."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if array.ndim == 2:
        Image.fromarray(array.T).save(path)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T)), str(path))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp", ".nii", ".nii.gz", ".nrrd", ".mhd", ".mha"])
def test_every_format_comes_back_as_written(tmp_path: Path, suffix: str) -> None:
    shape = (9, 7) if suffix in (".png", ".tif", ".tiff", ".bmp") else (9, 7, 5)
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, shape, dtype=np.uint8)
    label = generator.integers(0, 2, shape, dtype=np.uint8)
    write(tmp_path / "images" / f"case.1{suffix}", image)
    write(tmp_path / "labels" / f"case.1{suffix}", label)
    (tmp_path / "images" / "notes.txt").write_text("no image")
    (item,) = read_dataset("folder", tmp_path)
    assert item["case"] == item["group"] == "case.1"
    reader = PictureReader() if image.ndim == 2 else VolumeReader()
    loaded_image = LoadImage(reader=reader, ensure_channel_first=True)(item["image"])
    loaded_label = LoadImage(reader=LabelReader(), ensure_channel_first=True)(item["label"])
    np.testing.assert_array_equal(np.asarray(loaded_image[0]), image)
    np.testing.assert_array_equal(np.asarray(loaded_label[0]), label)


def test_image_and_label_may_differ_in_format(tmp_path: Path) -> None:
    write(tmp_path / "images" / "a.nii.gz", np.zeros((4, 4, 4), np.uint8))
    write(tmp_path / "labels" / "a.mha", np.zeros((4, 4, 4), np.uint8))
    (item,) = read_dataset("folder", tmp_path)
    assert item["label"].endswith("labels/a.mha")


def test_images_and_labels_must_pair(tmp_path: Path) -> None:
    for name in ("images/a.png", "labels/a.png", "images/b.png", "labels/c.png"):
        write(tmp_path / name, np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match=r"b\.png has no label.*\(1 more"):
        read_dataset("folder", tmp_path)
    (tmp_path / "images" / "b.png").unlink()
    with pytest.raises(DataError, match=r"c\.png has no image"):
        read_dataset("folder", tmp_path)


def test_two_files_of_one_name_are_named_and_the_others_kept(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif", "b.png"):
        for kind in ("images", "labels"):
            write(tmp_path / kind / name, np.ones((4, 5), np.uint8))
    scan = scan_dataset("folder", tmp_path)
    assert [item["case"] for item in scan.items] == ["b"]
    for kind, problem in zip(("images", "labels"), scan.problems, strict=True):
        assert problem.startswith(f"The {kind} {tmp_path / kind / 'a.png'} and a.tif have one name: rename")
