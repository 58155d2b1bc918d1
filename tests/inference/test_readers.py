"""The readers give what an independent look at the same files gives, in MONAI's axis order."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
import torch
from monai.transforms import LoadImage
from PIL import Image

from monai_lwmisn.data.phantom import nuclei_picture
from monai_lwmisn.data.phantom.writers import write_nuclei
from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.labels import read_label
from monai_lwmisn.inference.readers import LabelReader, PictureReader, VolumeReader

ONE_CLASS = {"1": "nucleus"}
TWO_CLASSES = {"1": "anterior", "2": "posterior"}


def load(reader: object, path: object) -> torch.Tensor:
    return LoadImage(reader=reader, ensure_channel_first=True, dtype=None)(path)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_pictures_come_as_three_channels_x_first(tmp_path: Path, mode: str) -> None:
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, *channels), dtype=np.uint8)
    Image.fromarray(picture, mode=None).save(tmp_path / "p.png")
    image = load(PictureReader(), tmp_path / "p.png")
    expected = np.repeat(picture[..., None], 3, axis=2) if mode == "L" else picture[..., :3]
    assert image.shape == (3, 30, 20)
    np.testing.assert_array_equal(np.asarray(image), expected.transpose(2, 1, 0))


def test_several_pictures_are_stacked(tmp_path: Path) -> None:
    for name in ("a.png", "b.tif"):
        Image.fromarray(np.full((5, 6), 7, np.uint8)).save(tmp_path / name)
    assert load(PictureReader(), [tmp_path / "a.png", tmp_path / "b.tif"]).shape == (6, 6, 5)


def test_masks_compose_to_the_map_they_were_cut_from(tmp_path: Path) -> None:
    picture, instances = nuclei_picture(64, "fluorescence", np.random.default_rng(3))
    write_nuclei(tmp_path, "one", picture, instances)
    masks = tmp_path / "stage1_train" / "one" / "masks"
    binary = load(LabelReader(ONE_CLASS), masks)
    numbered = load(LabelReader(instances=True), masks)
    np.testing.assert_array_equal(np.asarray(binary[0]), (instances.T > 0).astype(np.uint8))
    np.testing.assert_array_equal(np.asarray(numbered[0]), instances.T)


def test_the_first_of_two_overlapping_nuclei_keeps_the_pixel(tmp_path: Path) -> None:
    for name, columns in (("1.png", slice(0, 4)), ("2.png", slice(2, 6))):
        mask = np.zeros((3, 8), np.uint8)
        mask[:, columns] = 255
        Image.fromarray(mask).save(tmp_path / name)
    numbered = load(LabelReader(instances=True), tmp_path)[0]
    assert numbered[:, 0].tolist() == [1, 1, 1, 1, 2, 2, 0, 0]


def test_a_finished_label_is_read_from_one_file(tmp_path: Path) -> None:
    label = np.array([[0, 3, 255]], np.uint8)
    Image.fromarray(label).save(tmp_path / "label.png")
    assert load(LabelReader(ONE_CLASS), tmp_path / "label.png")[0, :, 0].tolist() == [0, 1, 1]
    assert load(LabelReader(instances=True), tmp_path / "label.png")[0, :, 0].tolist() == [0, 3, 255]
    Image.fromarray(np.stack([label] * 3, axis=2)).save(tmp_path / "color.png")
    assert load(LabelReader(ONE_CLASS), tmp_path / "color.png")[0, :, 0].tolist() == [0, 1, 1]


def test_the_regions_of_a_finished_mask_are_nuclei(tmp_path: Path) -> None:
    Image.fromarray(np.array([[255, 255, 0, 255]], np.uint8)).save(tmp_path / "mask.png")
    assert load(LabelReader(instances=True), tmp_path / "mask.png")[0, :, 0].tolist() == [1, 1, 0, 2]


def test_a_series_of_masks_becomes_a_volume(tmp_path: Path) -> None:
    volume = np.random.default_rng(0).integers(0, 2, (7, 5, 3), dtype=np.uint8)
    files = []
    for index in range(3):
        files.append(tmp_path / f"{index}.png")
        Image.fromarray(255 * volume[:, :, index].T).save(files[-1])
    np.testing.assert_array_equal(np.asarray(load(LabelReader(ONE_CLASS), files)[0]), volume)
    np.testing.assert_array_equal(np.asarray(load(LabelReader(ONE_CLASS), files[::-1])[0]), volume[:, :, ::-1])


def test_masks_of_unequal_size_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no mask files"):
        read_label([str(tmp_path)])
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "1.png")
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "2.png")
    with pytest.raises(DataError, match=r"2\.png differs in size"):
        read_label([str(tmp_path)])
    with pytest.raises(DataError, match=r"2\.png differs in size"):
        read_label([str(tmp_path / "1.png"), str(tmp_path / "2.png")])


def test_several_pictures_must_be_of_one_size(tmp_path: Path) -> None:
    for name, width in (("a.png", 6), ("b.png", 7)):
        Image.fromarray(np.zeros((5, width), np.uint8)).save(tmp_path / name)
    with pytest.raises(DataError, match=r"b\.png differs in size"):
        load(PictureReader(), [tmp_path / "a.png", tmp_path / "b.png"])


def test_values_of_several_classes_stay(tmp_path: Path) -> None:
    label = np.array([[0, 1, 2], [2, 0, 1]], np.uint8)
    Image.fromarray(label).save(tmp_path / "label.png")
    Image.fromarray(label[:, ::-1].copy()).save(tmp_path / "next.png")
    np.testing.assert_array_equal(np.asarray(load(LabelReader(TWO_CLASSES), tmp_path / "label.png")[0]), label.T)
    volume = load(LabelReader(TWO_CLASSES), [tmp_path / "label.png", tmp_path / "next.png"])[0]
    np.testing.assert_array_equal(np.asarray(volume), np.stack([label.T, label[:, ::-1].T], axis=-1))


@pytest.mark.parametrize("name", ["label.nii.gz", "label.nrrd"])
def test_a_label_that_is_a_volume_is_what_the_reader_of_volumes_gives(tmp_path: Path, name: str) -> None:
    image = SimpleITK.GetImageFromArray(np.random.default_rng(0).integers(0, 9, (4, 5, 6), dtype=np.uint8))
    image.SetSpacing((0.5, 0.7, 2.0))
    SimpleITK.WriteImage(image, str(tmp_path / name))
    label, volume = load(LabelReader(ONE_CLASS), tmp_path / name), load(VolumeReader(), tmp_path / name)
    np.testing.assert_array_equal(np.asarray(label), np.asarray(volume))
    np.testing.assert_array_equal(label.affine, volume.affine)
    assert "original_affine" in label.meta


def test_labels_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"The label .*broken\.png is damaged"):
        read_label([str(tmp_path / "broken.png")])
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "label.jpg")
    with pytest.raises(DataError, match=r"label\.jpg is a JPEG .* save it as PNG"):
        read_label([str(tmp_path / "label.jpg")])


def test_the_files_of_channels_make_one_volume(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    channels = [generator.integers(0, 99, (4, 5, 6), dtype=np.int16) for _ in range(3)]
    paths = [tmp_path / f"case_{number:04d}.nii.gz" for number in range(3)]
    for path, voxels in zip(paths, channels, strict=True):
        image = SimpleITK.GetImageFromArray(voxels)
        image.SetSpacing((0.5, 0.7, 2.0))
        SimpleITK.WriteImage(image, str(path))
    joined = load(VolumeReader(), paths)
    np.testing.assert_array_equal(np.asarray(joined), np.stack([voxels.T for voxels in channels]))
    np.testing.assert_array_equal(joined.affine, load(VolumeReader(), paths[0]).affine)
    assert joined.meta["filename_or_obj"] == str(paths[0])


@pytest.mark.parametrize("other", ["size", "place", "channels"])
def test_channels_on_other_grids_are_refused(tmp_path: Path, other: str) -> None:
    shape = {"size": (4, 5, 7), "place": (4, 5, 6), "channels": (4, 5, 6, 2)}[other]
    affine = np.diag([1.0, 1.0, 3.0 if other == "place" else 2.0, 1.0])
    paths = [tmp_path / "case_0000.nii", tmp_path / "case_0001.nii"]
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.diag([1.0, 1.0, 2.0, 1.0])), paths[0])
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.uint8), affine), paths[1])
    sentence = "2 channels itself" if other == "channels" else "is not on the grid of .*case_0000"
    with pytest.raises(DataError, match=rf"case_0001\.nii {'has ' if other == 'channels' else ''}{sentence}"):
        load(VolumeReader(), paths)
