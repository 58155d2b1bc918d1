"""Channels in files of their own are found by their names."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from monai.transforms import LoadImage
from PIL import Image

from monai_lwmisn.inference.readers import PictureReader, VolumeReader
from monai_lwmisn.light.channel_files import with_other_channels
from monai_lwmisn.light.inputs import find_inputs


def write_volumes(folder: Path, names: list[str], channels: int = 1) -> list[Path]:
    """Volumes whose voxels have the number of the file."""
    paths = [folder / f"{name}.nii.gz" for name in names]
    for number, path in enumerate(paths):
        voxels = np.full((4, 5, 6) if channels == 1 else (4, 5, 6, channels), number, np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), path)
    return paths


@pytest.mark.parametrize(
    "names", [["a_0000", "a_0001", "a_0002"], ["a-ch1", "a-ch2", "a-ch10"], ["a_c1", "a_c2", "a_c3"]]
)
def test_the_first_file_stands_for_all_where_the_network_takes_so_many(tmp_path: Path, names: list[str]) -> None:
    paths = write_volumes(tmp_path, names)
    write_volumes(tmp_path, ["b_0000"])
    assert with_other_channels(paths[0], 3) == [str(path) for path in paths]
    for path, count in ((paths[1], 3), (paths[0], 2), (paths[0], 4), (paths[0], 1), (tmp_path / "b_0000.nii.gz", 3)):
        assert with_other_channels(path, count) == [str(path)]
    volume = LoadImage(reader=VolumeReader(in_channels=3), ensure_channel_first=True)(str(paths[0]))
    assert np.asarray(volume)[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert LoadImage(reader=VolumeReader(in_channels=1), ensure_channel_first=True)(str(paths[0])).shape[0] == 1


def test_sequences_are_channels_in_the_order_of_their_words(tmp_path: Path) -> None:
    t2, flair, t1, other, seg = write_volumes(tmp_path, ["B_1_t2", "B_1_flair", "B_1_t1", "B_2_t1", "B_1_seg"])
    ordered = [str(flair), str(t1), str(t2)]
    assert with_other_channels(flair, 3) == ordered
    for path, count in ((t1, 3), (flair, 2), (other, 3), (seg, 3)):
        assert with_other_channels(path, count) == [str(path)]
    found = find_inputs(tmp_path, volumetric=True, in_channels=3)
    assert [item["image"] for item in found] == [str(flair), str(seg), str(other)]


def test_further_channels_in_a_folder_are_no_inputs_of_their_own(tmp_path: Path) -> None:
    first, *_ = write_volumes(tmp_path, ["a_0000", "a_0001"])
    other = write_volumes(tmp_path, ["b_0000", "b_0001"])[0]
    assert [item["image"] for item in find_inputs(tmp_path, True, 2)] == [str(first), str(other)]
    assert len(find_inputs(tmp_path, True, 1)) == len(find_inputs(tmp_path, True)) == 4


def test_images_with_all_channels_in_one_file_are_inputs_whatever_their_numbers(tmp_path: Path) -> None:
    write_volumes(tmp_path, ["case_0001", "case_0002"], channels=2)
    assert len(find_inputs(tmp_path, True, 2)) == 2


def test_pictures_of_channels_are_joined_too(tmp_path: Path) -> None:
    for number in range(2):
        Image.fromarray(np.full((5, 6), 10 + number, np.uint8)).save(tmp_path / f"a_c{number}.png")
    (item,) = find_inputs(tmp_path, False, 6)
    picture = LoadImage(reader=PictureReader(in_channels=6), ensure_channel_first=True)(item["image"])
    assert np.asarray(picture)[:, 0, 0].tolist() == [10, 10, 10, 11, 11, 11]
    assert len(find_inputs(tmp_path, False, 3)) == 2
