"""Volumes are read as MONAI's readers read them, and masks are written where they were read."""

import itertools
from pathlib import Path

import itk
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from monai.data import ITKReader, NibabelReader
from scipy.spatial.transform import Rotation

from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.inference.dicom import series_files
from monai_lwmisn.inference.volumes import read_volume
from monai_lwmisn.inference.writers import EXTENSIONS, mask_writer, write_files
from tests.inference.dicom import write_series

TYPES = ("uint8", "int8", "int16", "uint16", "int32", "float32", "float64")
ONE_FOLDER = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def affine_of(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    affine = np.eye(4)
    turn = np.eye(3)[generator.permutation(3)] @ np.diag(generator.choice([-1.0, 1.0], 3))
    if seed % 2:
        turn = Rotation.random(random_state=seed).as_matrix() @ turn
    affine[:3, :3] = turn * generator.uniform(0.3, 5, 3)
    affine[:3, 3] = generator.uniform(-300, 300, 3)
    return affine


@ONE_FOLDER
@given(
    st.tuples(*[st.integers(1, 7)] * 3),
    st.sampled_from([0, 2, 5]),
    st.sampled_from(TYPES),
    st.booleans(),
    st.integers(0, 50),
    st.sampled_from([".nii", ".nii.gz"]),
)
def test_nifti_is_read_as_by_monai(
    tmp_path: Path, shape: tuple[int, ...], moments: int, dtype: str, swapped: bool, seed: int, suffix: str
) -> None:
    voxels = np.random.default_rng(seed).integers(0, 100, shape + ((moments,) if moments else ())).astype(dtype)
    header = nibabel.Nifti1Header(endianness=">" if swapped else "<")
    image = nibabel.Nifti1Image(voxels, affine_of(seed), header=header)
    # Some scanners leave an sform or a qform that the spacing contradicts.
    if seed % 3 == 1:
        image.set_sform(np.diag([2.0, 3.0, 4.0, 1.0]) @ affine_of(seed + 1), code=1)
    if seed % 3 == 2:
        image.set_qform(affine_of(seed), code=1)
        image.set_sform(None, code=seed % 2)
    path = tmp_path / f"a{suffix}"
    nibabel.save(image, path)
    found, affine = read_volume(path)
    reader = NibabelReader()
    expected, meta = reader.get_data(reader.read(str(path)))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(affine, meta["affine"])
    assert found.dtype == expected.dtype.newbyteorder("=") and found.dtype.isnative


@ONE_FOLDER
@given(
    st.tuples(*[st.integers(1, 7)] * 3),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([name for name in TYPES if name != "int8"]),
    st.integers(0, 50),
    st.sampled_from([".nrrd", ".mha", ".mhd"]),
)
def test_formats_of_itk_are_read_as_by_monai(
    tmp_path: Path, shape: tuple[int, ...], components: int, dtype: str, seed: int, suffix: str
) -> None:
    # Of vectors ITK's Python knows those of float32.
    voxels = (
        np.random.default_rng(seed)
        .integers(0, 100, (*shape, components))
        .astype(dtype if components == 1 else "float32")
    )
    image = sitk.GetImageFromArray(voxels[..., 0] if components == 1 else voxels, isVector=components > 1)
    affine = affine_of(seed)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image, str(path), seed % 2 == 0)
    found, affine = read_volume(path)
    reader = ITKReader()
    expected, meta = reader.get_data(reader.read(str(path)))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(affine, meta["affine"])
    assert found.dtype == expected.dtype


def test_a_series_is_read_by_position_whatever_its_files_are_named(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (6, 5, 7)).astype(np.int16)
    uid = write_series(voxels, tmp_path / "series")
    found, affine = read_volume(tmp_path / "series")
    np.testing.assert_array_equal(found, voxels)
    expected, meta = ITKReader().get_data(itk.imread(series_files(str(tmp_path / "series"), uid)))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(affine, meta["affine"])


@ONE_FOLDER
@given(st.tuples(*[st.integers(1, 7)] * 3), st.integers(0, 50), st.sampled_from([e for e in EXTENSIONS if e != ".png"]))
def test_a_volume_comes_back_as_it_was_written(
    tmp_path: Path, shape: tuple[int, ...], seed: int, extension: str
) -> None:
    mask = np.random.default_rng(seed).integers(0, 4, shape).astype(np.uint8)
    path = tmp_path / f"a{extension}"
    write_files({path: mask_writer(extension, mask, affine_of(seed))})
    found, affine = read_volume(path)
    np.testing.assert_array_equal(found, mask)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(affine, affine_of(seed), atol=1e-4)


def test_both_codes_of_a_nifti_mask_say_scanner(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    write_files({path: mask_writer(".nii.gz", np.zeros((2, 3, 4), np.uint8), affine_of(1))})
    header = nibabel.load(path).header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("the disk is full")

    (tmp_path / "b.png").write_bytes(b"before")
    good = mask_writer(".png", np.zeros((2, 3), np.uint8))
    for files in itertools.permutations([(tmp_path / "a.png", good), (tmp_path / "b.png", fail)]):
        with pytest.raises(OSError, match="full"):
            write_files(dict(files))
        assert [path.name for path in tmp_path.iterdir()] == ["b.png"]
        assert (tmp_path / "b.png").read_bytes() == b"before"


def test_other_formats_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"not written as '\.jpg'"):
        mask_writer(".jpg", np.zeros((2, 3), np.uint8))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mhd").write_text("nothing")
    with pytest.raises(DataError, match=r"The volume .*a\.mhd cannot be read"):
        read_volume(tmp_path / "a.mhd")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no DICOM series"):
        read_volume(tmp_path / "empty")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5), np.uint8)), str(tmp_path / "flat.mha"))
    with pytest.raises(DataError, match="has 2 axes instead of 3"):
        read_volume(tmp_path / "flat.mha")
