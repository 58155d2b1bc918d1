"""Volumes are read as other readers read them, and masks are written where they were read."""

import gzip
import itertools
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import itk
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from monai.data import ITKReader
from scipy.spatial.transform import Rotation

from monai_lwmisn.errors import ConfigError, DataError, InputWarning
from monai_lwmisn.light.volumes import read_volume
from monai_lwmisn.light.writers import EXTENSIONS, mask_writer, write_files
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
def test_nifti_is_read_as_by_nibabel(
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
    expected = np.asarray(nibabel.load(path).dataobj)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(affine, nibabel.load(path).affine)
    assert found.dtype == expected.dtype.newbyteorder("=") and found.dtype.isnative


@ONE_FOLDER
@given(
    st.tuples(*[st.integers(1, 7)] * 3),
    st.sampled_from([1, 2, 3]),
    st.sampled_from((*TYPES, "int64")),
    st.integers(0, 50),
    st.sampled_from([".nrrd", ".mha", ".mhd"]),
)
def test_formats_of_itk_are_read_as_written_by_simpleitk(
    tmp_path: Path, shape: tuple[int, ...], components: int, dtype: str, seed: int, suffix: str
) -> None:
    voxels = np.random.default_rng(seed).integers(0, 100, (*shape, components)).astype(dtype)
    image = sitk.GetImageFromArray(voxels[..., 0] if components == 1 else voxels, isVector=components > 1)
    affine = affine_of(seed)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image, str(path), seed % 2 == 0)
    found, place = read_volume(path)
    expected = voxels.transpose(2, 1, 0, 3)
    np.testing.assert_array_equal(found, expected[..., 0] if components == 1 else expected)
    np.testing.assert_allclose(place, np.diag([-1, -1, 1, 1]) @ affine, atol=1e-4)
    assert found.dtype == dtype or found.dtype.kind == "f"


def test_a_series_is_read_by_position_whatever_its_files_are_named(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (6, 5, 7)).astype(np.int16)
    write_series(voxels, tmp_path / "series")
    found, affine = read_volume(tmp_path / "series")
    np.testing.assert_array_equal(found, voxels)
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "series"))
    expected, meta = ITKReader().get_data(itk.imread(list(files)))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(affine, meta["affine"], atol=1e-9)


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

    good = mask_writer(".png", np.zeros((2, 3), np.uint8))
    write_files({tmp_path / "b.png": mask_writer(".png", np.ones((2, 3), np.uint8))})
    before = (tmp_path / "b.png").read_bytes()
    for files in itertools.permutations([(tmp_path / "a.png", good), (tmp_path / "b.png", fail)]):
        with pytest.raises(OSError, match="full"):
            write_files(dict(files))
        assert [path.name for path in tmp_path.iterdir()] == ["b.png"]
        assert (tmp_path / "b.png").read_bytes() == before


def test_other_formats_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"not written as '\.jpg'"):
        mask_writer(".jpg", np.zeros((2, 3), np.uint8))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mhd").write_text("nothing")
    with pytest.raises(DataError, match=r"The volume .*a\.mhd cannot be read"):
        read_volume(tmp_path / "a.mhd")
    for ending in (".nii", ".nii.gz", ".nrrd", ".mha", ".dcm"):
        (tmp_path / f"a{ending}").touch()
        with pytest.raises(DataError, match=rf"The volume .*a\{ending} is empty: copy it again"):
            read_volume(tmp_path / f"a{ending}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no DICOM series"):
        read_volume(tmp_path / "empty")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5), np.uint8)), str(tmp_path / "flat.mha"))
    with pytest.raises(DataError, match="has 2 axes instead of 3"):
        read_volume(tmp_path / "flat.mha")


def read(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Voxels, affine and remarks."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        voxels, affine = read_volume(path)
    return voxels, affine, [str(one.message) for one in caught if one.category is InputWarning]


VOXELS = np.arange(24, dtype=np.int16).reshape(4, 3, 2, order="F")
SHEARED = np.array([[1.0, 0, 0, 5], [0, 2, 1, -6], [0, 0, 3, 7], [0, 0, 0, 1]])


def nifti(path: Path, edits: dict[int, bytes], voxels: np.ndarray = VOXELS, **forms: int) -> Path:
    """A NIfTI file with an sform, of which some bytes of the header (NIfTI-1, its C structure) are others."""
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([1.0, 2, 3, 1])), path)
    edits = {252: struct.pack("<hh", forms.get("qform", 0), forms.get("sform", 1)), **edits}
    content = bytearray(path.read_bytes())
    for place, new in edits.items():
        content[place : place + len(new)] = new
    path.write_bytes(content)
    return path


def floats(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        ({280: floats(np.nan)}, "its sform has NaN or infinite numbers"),
        ({292: floats(np.inf)}, "its sform has NaN or infinite numbers"),
        ({312: floats(0, 0, 0, 0)}, "its sform is flat"),
        ({280: floats(0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0)}, "its sform is flat"),
        ({112: floats(2, np.nan)}, "cannot be read"),
        ({42: struct.pack("<h", -4)}, "cannot be read"),
        ({70: struct.pack("<h", 999)}, "cannot be read"),
    ],
)
def test_a_nifti_header_that_cannot_be_right_is_refused(tmp_path: Path, edits: dict[int, bytes], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        read_volume(nifti(tmp_path / "a.nii", edits))
    assert "a.nii" in str(caught.value)


@pytest.mark.parametrize(
    ("edits", "forms", "lengths", "sentence"),
    [
        ({}, {"sform": 0}, (1, 2, 3), "has no orientation (sform and qform codes are 0)"),
        ({80: floats(0)}, {"sform": 0, "qform": 1}, (1, 2, 3), "spacing 0x2x3 in its header: 1x2x3 mm is assumed"),
        ({}, {"qform": 1}, (1, 2, 3), ""),
        ({276: floats(4)}, {"qform": 1}, (1, 2, 3), "differ by up to 4 mm: the sform is taken"),
        ({80: floats(1.5)}, {}, (1, 2, 3), "spacing 1x2x3 in its sform and 1.5x2x3 beside it: the sform is taken"),
        ({123: b"\x01"}, {}, (1000, 2000, 3000), "is in metres"),
        ({123: b"\x03"}, {}, (1e-3, 2e-3, 3e-3), "is in micrometres"),
        ({123: b"\x0a"}, {}, (1, 2, 3), ""),
    ],
)
def test_what_a_nifti_header_leaves_open_is_said(
    tmp_path: Path, edits: dict[int, bytes], forms: dict[str, int], lengths: tuple[float, ...], sentence: str
) -> None:
    voxels, affine, remarks = read(nifti(tmp_path / "a.nii", edits, **forms))
    np.testing.assert_array_equal(voxels, VOXELS)
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), lengths, rtol=1e-6)
    assert remarks == [] if not sentence else len(remarks) == 1 and sentence in remarks[0]


@pytest.mark.parametrize(
    ("slope", "inter", "expected"),
    [(2, 1, VOXELS * 2.0 + 1), (0, 5, VOXELS), (np.nan, np.nan, VOXELS), (0.1, 0, VOXELS * np.float32(0.1))],
)
def test_nifti_values_are_scaled(tmp_path: Path, slope: float, inter: float, expected: np.ndarray) -> None:
    np.testing.assert_allclose(read_volume(nifti(tmp_path / "a.nii", {112: floats(slope, inter)}))[0], expected)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_axes_of_length_one_are_none(tmp_path: Path, kind: type) -> None:
    moments = np.arange(48, dtype=np.int16).reshape(4, 3, 2, 1, 2)
    nibabel.save(kind(moments, np.eye(4)), tmp_path / "a.nii")
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii")[0], moments[:, :, :, 0])
    nibabel.save(kind(np.repeat(moments, 2, axis=3), np.eye(4)), tmp_path / "b.nii")
    with pytest.raises(DataError, match="has the shape 4x3x2x2x2"):
        read_volume(tmp_path / "b.nii")


def test_complex_nifti_is_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(VOXELS.astype(np.complex64), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(DataError, match="has complex values: save their magnitude"):
        read_volume(tmp_path / "a.nii")


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
def test_complex_nrrd_and_metaimage_are_refused(tmp_path: Path, kind: type) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS.astype(kind)), str(tmp_path / "a.nrrd"))
    with pytest.raises(DataError, match="has complex values"):
        read_volume(tmp_path / "a.nrrd")


def test_a_pair_is_read_and_analyze_is_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Pair(VOXELS, SHEARED), tmp_path / "a.hdr")
    for name in ("a.hdr", "a.img"):
        voxels, affine = read_volume(tmp_path / name)
        np.testing.assert_array_equal(voxels, VOXELS)
        np.testing.assert_array_equal(affine, SHEARED)
    nibabel.save(nibabel.AnalyzeImage(VOXELS, np.eye(4)), tmp_path / "b.hdr")
    with pytest.raises(DataError, match="is Analyze 7.5, which does not say left from right"):
        read_volume(tmp_path / "b.hdr")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.mhd", "a.dcm", "a.vtk", "a.png", "a"])
def test_what_its_name_does_not_say_is_refused(tmp_path: Path, name: str) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, 3, 4), np.uint8)), str(tmp_path / "other.gipl"))
    (tmp_path / name).write_bytes((tmp_path / "other.gipl").read_bytes())
    with pytest.raises(DataError, match=r"a(\.\w+)* ") as caught:
        read_volume(tmp_path / name)
    assert "\n" not in str(caught.value)


PUBLIC = sorted(
    path
    for path in (Path(nibabel.__file__).parent / "tests" / "data").glob("*")
    if path.name.endswith((".nii", ".nii.gz", ".hdr"))
)


@pytest.mark.parametrize("path", PUBLIC, ids=lambda path: path.name)
def test_public_volumes_are_as_nibabel_reads_them_or_refused(path: Path) -> None:
    try:
        voxels, affine, _ = read(path)
    except DataError as error:
        assert path.name in str(error) and "\n" not in str(error)
        return
    image = nibabel.load(path)
    np.testing.assert_array_equal(voxels.squeeze(), np.asarray(image.dataobj).squeeze())
    np.testing.assert_allclose(affine, image.affine)


LPS = "space: left-posterior-superior\n"
DIRECTIONS = "space directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (-5,6,7)\n"
PLACED = np.array([[-1.0, 0, 0, 5], [0, -2, 0, -6], [0, 0, 3, 7], [0, 0, 0, 1]])


def nrrd(path: Path, fields: str) -> Path:
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 3 2\nencoding: raw\nendian: little\n" + fields + "\n"
    path.write_bytes(header.encode() + VOXELS.tobytes(order="F"))
    return path


def metaimage(path: Path, fields: str) -> Path:
    header = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n" + fields
    header += "DimSize = 4 3 2\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    path.write_bytes(header.encode() + VOXELS.tobytes(order="F"))
    return path


MATRIX = "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = -5 6 7\n"
FLIPPED = np.diag([-1.0, -1, 1, 1])
MOVED = np.array([[0, 0, 0, 5], [0, 0, 0, -6], [0, 0, 0, 7], [0, 0, 0, 0]])
LEANING = np.array([[1.0, 0, 0, -5], [0, 2, 1, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
METRES, MICRONS = np.diag([1e3, 1e3, 1e3, 1]), np.diag([1e-3, 1e-3, 1e-3, 1])


@pytest.mark.parametrize(
    ("write", "fields", "affine", "sentence"),
    [
        (nrrd, LPS + DIRECTIONS, PLACED, ""),
        (nrrd, "space: RAS\n" + DIRECTIONS, FLIPPED @ PLACED, ""),
        (nrrd, LPS + DIRECTIONS.replace("(0,0,3)", "(0,1,3)"), FLIPPED @ LEANING, ""),
        (nrrd, "space: scanner-xyz\n" + DIRECTIONS, PLACED, "has no anatomical axes"),
        (nrrd, "space dimension: 3\n" + DIRECTIONS, PLACED, "has no anatomical axes"),
        (nrrd, LPS, FLIPPED, "has no spacing"),
        (nrrd, LPS + DIRECTIONS.split("space o")[0], PLACED - MOVED, "has no origin in its header: 0 is assumed"),
        (nrrd, LPS + DIRECTIONS + "kinds: domain domain domain\n", PLACED, ""),
        (nrrd, LPS + DIRECTIONS + 'space units: "mm" "mm" "mm"\n', PLACED, ""),
        (nrrd, LPS + DIRECTIONS + 'space units: "um" "um" "um"\n', MICRONS @ PLACED, "is in um"),
        (metaimage, MATRIX + "ElementSpacing = 1 2 3\n", PLACED, ""),
        (metaimage, MATRIX + "ElementSpacing = 1 2 3\nDistanceUnits = m\n", METRES @ PLACED, "is in m:"),
        (metaimage, MATRIX, PLACED @ np.diag([1, 1 / 2, 1 / 3, 1]), "has no ElementSpacing"),
        (metaimage, MATRIX.split("Offset")[0] + "ElementSpacing = 1 2 3\n", PLACED - MOVED, "has no origin"),
        (metaimage, "ElementSpacing = 1 2 3\n", FLIPPED @ np.diag([1, 2, 3, 1]), "has no anatomical axes"),
    ],
)  # fmt: skip
def test_headers_of_itk_s_formats_are_taken_as_they_say(
    tmp_path: Path, write: Callable[[Path, str], Path], fields: str, affine: np.ndarray, sentence: str
) -> None:
    name = "a.nrrd" if write is nrrd else "a.mha"
    voxels, found, remarks = read(write(tmp_path / name, fields))
    np.testing.assert_array_equal(voxels, VOXELS)
    np.testing.assert_allclose(found, affine, atol=1e-12)
    assert remarks == [] if not sentence else len(remarks) == 1 and sentence in remarks[0]


@pytest.mark.parametrize(
    ("write", "fields", "sentence"),
    [
        (nrrd, LPS + DIRECTIONS.replace("(1,0,0)", "none"), "an axis without a direction"),
        (nrrd, LPS + DIRECTIONS + "kinds: domain domain time\n", "has axes of the kinds domain domain time, not three"),
        (nrrd, LPS + DIRECTIONS.replace("(1,0,0)", "(nan,0,0)"), "has the space directions .*: correct the header"),
        (nrrd, LPS + DIRECTIONS.replace("(1,0,0)", "(0,0,0)"), "cannot be read"),
        (nrrd, LPS + DIRECTIONS + 'space units: "mm" "mm" "m"\n', "is in the units mm, mm, m"),
        (nrrd, LPS + DIRECTIONS + 'space units: "inch" "inch" "inch"\n', "is in the units inch"),
        (nrrd, LPS + DIRECTIONS + "data file: missing.raw\n", "data file .*missing.raw of .* is missing"),
        (metaimage, MATRIX + "ElementSpacing = 0 2 3\n", "cannot be read"),
        (metaimage, MATRIX + "ElementSpacing = nan 2 3\n", "has the elementspacing 'nan 2 3': correct the header"),
        (metaimage, MATRIX.replace("= 1", "= 0") + "ElementSpacing = 1 2 3\n", "cannot be read"),
        (metaimage, MATRIX + "ElementSpacing = 1 2 3\nElementToIntensityFunctionSlope = 2\n", "has a scale"),
    ],
)
def test_headers_of_itk_s_formats_that_cannot_be_right_are_refused(
    tmp_path: Path, write: Callable[[Path, str], Path], fields: str, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        read_volume(write(tmp_path / ("a.nrrd" if write is nrrd else "a.mha"), fields))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("extension", [e for e in EXTENSIONS if e != ".png"])
def test_masks_of_sheared_volumes_keep_the_shear(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension}"
    write_files({path: mask_writer(extension, VOXELS.astype(np.uint8), SHEARED)})
    voxels, affine, remarks = read(path)
    np.testing.assert_array_equal(voxels, VOXELS)
    np.testing.assert_allclose(affine, SHEARED, atol=1e-5)
    assert remarks == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_full_disk_leaves_the_old_mask(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"mask{extension}"
    write_files({path: mask_writer(extension, np.zeros((4, 5) if extension == ".png" else (4, 5, 6), np.uint8))})
    old = path.read_bytes()
    (tmp_path / f".partial.mask{extension}").symlink_to("/dev/full")
    mask = np.random.default_rng(0).integers(0, 2, (200, 200) if extension == ".png" else (60, 60, 60)).astype(np.uint8)
    with pytest.raises((OSError, RuntimeError)):
        write_files({path: mask_writer(extension, mask)})
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.nii", "a.hdr"])
def test_a_header_that_claims_more_voxels_than_its_file_takes_no_memory(tmp_path: Path, name: str) -> None:
    kind = nibabel.Nifti1Image if name == "a.nii" else nibabel.Nifti1Pair
    nibabel.save(kind(np.zeros((4, 5, 6), np.int16), np.eye(4)), tmp_path / name)
    with (tmp_path / name).open("r+b") as file:  # dim[1..3] of the header
        file.seek(42)
        file.write(np.array([32767, 32767, 32767], "<i2").tobytes())
    with pytest.raises(DataError, match=r"\(it is cut short\): copy it again"):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".nhdr", ".mhd"])
@pytest.mark.parametrize("damage", ["checksum", "middle", "cut short"])
def test_compressed_volumes_are_read_to_their_checksum(tmp_path: Path, suffix: str, damage: str) -> None:
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 1000, (9, 8, 7)).astype(np.int16))
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image, str(path), True)
    assert read_volume(path)[0].shape == (7, 8, 9)
    data = max(tmp_path.iterdir(), key=lambda file: file.stat().st_size)
    content = bytearray(data.read_bytes())
    if damage == "cut short":
        del content[-3:]
    else:
        content[-2 if damage == "checksum" else -len(content) // 3] ^= 0x55
    data.write_bytes(content)
    with pytest.raises(DataError, match="its compressed content is damaged or cut short"):
        read_volume(path)


def test_what_follows_the_voxels_in_an_intact_gzip_is_left_out(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.diag([1, 2, 3, 1]))
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(image.to_bytes() + b"more"))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz")[0], image.get_fdata())


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nhdr", ".mhd"])
def test_data_that_are_short_or_missing_are_said(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((9, 8, 7), np.int16)), str(path), False)
    data = max(tmp_path.iterdir(), key=lambda file: file.stat().st_size)
    data.write_bytes(data.read_bytes()[:-2])
    with pytest.raises(DataError, match="its data are short or missing"):
        read_volume(path)
    if data != path:
        data.unlink()
        with pytest.raises(DataError, match=f"The data file {data} of {path} is missing"):
            read_volume(path)
