"""Volumes through the inference configuration: whatever the grid of the file, the mask is on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import itk
import nibabel
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from monai_lwmisn.config import execute
from monai_lwmisn.errors import DataError
from tests.inference.volumes import AFFINE, save, volume


def segment(bundle: Path, folder: Path, **settings: Any) -> Path:
    execute(
        bundle / "configs/inference.json",
        bundle_root=str(bundle),
        dataset_dir=str(folder),
        output_dir=str(folder.parent / "masks"),
        **settings,
    )
    return folder.parent / "masks"


def oblique() -> np.ndarray:
    affine = AFFINE.copy()
    affine[:3, :3] = Rotation.from_euler("xyz", [9, -12, 20], degrees=True).as_matrix() @ AFFINE[:3, :3]
    affine[:3, 3] = [-31.5, 12.25, 700]
    return affine


def turned(permutation: tuple[int, ...], flipped: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: np.flip(array.transpose(permutation), flipped).copy()


@pytest.mark.parametrize(
    ("permutation", "flipped"), [((0, 1, 2), (0, 1)), ((2, 0, 1), ()), ((1, 2, 0), (0, 2)), ((2, 1, 0), (1,))]
)
def test_a_turned_volume_gives_the_turned_mask(
    bundle: Path, tmp_path: Path, permutation: tuple[int, ...], flipped: tuple[int, ...]
) -> None:
    turn = turned(permutation, flipped)
    image, affine = volume(), oblique()
    save(image, affine, tmp_path / "in/a.nii.gz")
    # The grid of the turned array: columns permuted, flipped ones negated from the other end.
    matrix = affine[:, [*permutation, 3]]
    for axis in flipped:
        matrix[:, 3] += matrix[:, axis] * (image.shape[permutation[axis]] - 1)
        matrix[:, axis] *= -1
    save(turn(image), matrix, tmp_path / "in/b.nii.gz")
    masks = segment(bundle, tmp_path / "in")
    plain, other = (nibabel.load(masks / f"{name}_seg.nii.gz") for name in "ab")
    assert 0 < plain.get_fdata().mean() < 1 and plain.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(other.get_fdata(), turn(plain.get_fdata()))
    np.testing.assert_allclose(plain.affine, affine, atol=1e-4)
    np.testing.assert_allclose(other.affine, matrix, atol=1e-4)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd"])
def test_formats_of_itk_keep_their_grid(bundle: Path, tmp_path: Path, name: str) -> None:
    array = volume()
    image = itk.image_from_array(array.transpose(2, 1, 0).copy())
    image.SetSpacing([0.7, 0.8, 3.0])
    image.SetOrigin([5.0, -6.0, 70.0])
    image.SetDirection(itk.matrix_from_array(Rotation.from_euler("z", 15, degrees=True).as_matrix()))
    (tmp_path / "in").mkdir()
    itk.imwrite(image, str(tmp_path / "in" / name))
    mask = itk.imread(str(segment(bundle, tmp_path / "in") / "a_seg.nii.gz"))
    assert itk.size(mask) == itk.size(image)
    for attribute in ("GetSpacing", "GetOrigin"):
        np.testing.assert_allclose(getattr(mask, attribute)(), getattr(image, attribute)(), atol=1e-4)
    np.testing.assert_allclose(mask.GetDirection(), itk.array_from_matrix(image.GetDirection()), atol=1e-5)


@pytest.mark.parametrize("shape", [(19, 23, 1), (1, 5, 3), (13, 1, 2)])
def test_the_thinnest_volumes(bundle: Path, tmp_path: Path, shape: tuple[int, ...]) -> None:
    save(volume(1, shape), AFFINE, tmp_path / "in/thin.nii")
    assert nibabel.load(segment(bundle, tmp_path / "in") / "thin_seg.nii.gz").shape == shape


def test_another_slice_axis_is_sliced_along_it(bundle: Path, tmp_path: Path) -> None:
    """Slicing along y is slicing along z of the volume whose y and z are exchanged."""
    image = volume()
    save(image, AFFINE, tmp_path / "in/a.nii.gz")
    coronal = nibabel.load(
        segment(bundle, tmp_path / "in", **{"data::slice_axis": "coronal"}) / "a_seg.nii.gz"
    ).get_fdata()
    save(image.transpose(0, 2, 1).copy(), AFFINE, tmp_path / "exchanged/a.nii.gz")
    axial = nibabel.load(segment(bundle, tmp_path / "exchanged") / "a_seg.nii.gz").get_fdata()
    np.testing.assert_array_equal(coronal, axial.transpose(0, 2, 1))


def test_slices_along_a_coarse_axis_are_warned_of(bundle: Path, tmp_path: Path) -> None:
    save(volume(), np.diag([4.0, 0.8, 0.8, 1]), tmp_path / "in/a.nii.gz")
    with pytest.warns(UserWarning, match="0.8 mm between slices, while another axis has 4 mm"):
        segment(bundle, tmp_path / "in")


def test_progress_counts_slices(bundle: Path, tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    save(volume(), AFFINE, tmp_path / "in/a.nii.gz")
    settings = {"inference::progress": lambda done, total: said.append((done, total)), "inference::batch_size": 4}
    segment(bundle, tmp_path / "in", **settings)
    assert said == [(4, 6), (6, 6)]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((4, 4, 3), np.nan, dtype=np.float32), "a.nii.gz has voxels that are NaN or infinite"),
        (np.zeros((4, 4, 3, 5), dtype=np.float32), "a.nii.gz has 5 channels .or time points. and the network takes 1"),
    ],
)
def test_bad_volumes_leave_no_mask(bundle: Path, tmp_path: Path, image: np.ndarray, message: str) -> None:
    save(image, AFFINE, tmp_path / "in/a.nii.gz")
    with pytest.raises(DataError, match=message):
        segment(bundle, tmp_path / "in")
    assert not list((tmp_path / "masks").glob("*"))


def test_a_truncated_file_is_named(bundle: Path, tmp_path: Path) -> None:
    save(volume(), AFFINE, tmp_path / "in/a.nii.gz")
    whole = (tmp_path / "in/a.nii.gz").read_bytes()
    (tmp_path / "in/a.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="a.nii.gz cannot be read"):
        segment(bundle, tmp_path / "in")
