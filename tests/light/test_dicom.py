"""DICOM is read as its tags say, compared with the formulas of the standard, or refused in a sentence."""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset
from scipy.spatial.transform import Rotation

from monai_lwmisn.errors import DataError, InputWarning
from monai_lwmisn.light.volumes import read_volume
from tests.inference.dicom import (
    AXIAL,
    ORIGIN,
    SPACING,
    Edit,
    assert_voxels_lie_where_tags_say,
    enhanced,
    group,
    picture,
    series,
    write,
)

PUBLIC = Path(pydicom.__file__).parent / "data" / "test_files"
PIXELS = np.random.default_rng(0).integers(-1000, 1000, (7, 5, 6)).astype(np.int16)


def read(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Voxels, affine and remarks."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        voxels, affine = read_volume(path)
    return voxels, affine, [str(one.message) for one in caught if one.category is InputWarning]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 6),
    shift=st.sampled_from([0.0, 0.4, -2.0]),
    scales=st.sampled_from(["one", "whole", "fractions"]),
    multiframe=st.booleans(),
)
def test_every_voxel_is_where_its_tags_say(
    tmp_path: Path, seed: int, count: int, shift: float, scales: str, multiframe: bool
) -> None:
    random = np.random.default_rng(seed)
    axes = Rotation.random(random_state=seed).as_matrix() if seed % 3 else np.eye(3)[random.permutation(3)]
    step = axes[2] * random.uniform(0.5, 6) * random.choice([-1, 1]) + axes[0] * shift
    positions = random.uniform(-200, 200, 3) + np.arange(count)[:, None] * step
    kind = random.choice([np.int16, np.uint16, np.uint8])
    files = series(random.integers(0, 200, (count, *random.integers(1, 7, 2))).astype(kind), positions, axes[:2])
    spacing = [round(float(length), 3) for length in random.uniform(0.3, 3, 2)]
    for index, file in enumerate(files):
        file.PixelSpacing = spacing
        file.SliceThickness, file.SpacingBetweenSlices = 9, float(random.choice([-5, 1, 7]))
        file.RescaleSlope = {"one": 1, "whole": 1 + index * 100, "fractions": 0.0123 + 0.5 * index}[scales]
        file.RescaleIntercept = {"one": 0, "whole": -1024, "fractions": 0.25}[scales]
    order = random.permutation(count)
    shuffled = [files[index] for index in order]
    path = tmp_path / f"{seed}_{count}_{shift}_{scales}_{multiframe}"
    write([enhanced(shuffled)] if multiframe else shuffled, path)
    voxels, affine, remarks = read(path)
    assert_voxels_lie_where_tags_say(files, voxels, affine)
    assert any("gantry tilt" in remark for remark in remarks) == (shift != 0 and count > 1)


def test_a_gantry_tilt_stays_in_the_affine_and_is_said(tmp_path: Path) -> None:
    tilt = np.radians(20)
    orientation = (1, 0, 0, 0, np.cos(tilt), -np.sin(tilt))
    files = series(PIXELS, orientation=orientation)
    voxels, affine, remarks = read(write(files, tmp_path / "a"))
    assert_voxels_lie_where_tags_say(files, voxels, affine)
    np.testing.assert_allclose(affine[:3, 2], [0, 0, SPACING[2]], atol=1e-9)
    assert len(remarks) == 1 and "gantry tilt of 20 degrees" in remarks[0]


def test_rounded_positions_are_no_tilt(tmp_path: Path) -> None:
    axes = Rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_matrix()
    files = series(PIXELS, (np.arange(7)[:, None] * axes[2] * 2.5).round(2), axes[:2])
    voxels, affine, remarks = read(write(files, tmp_path / "a"))
    assert_voxels_lie_where_tags_say(files, voxels, affine)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    np.testing.assert_allclose((affine[:3, :3] / lengths).T @ (affine[:3, :3] / lengths), np.eye(3), atol=1e-9)
    assert remarks == []


def each(**tags: object) -> Edit:
    """Sets tags of every file; None removes one."""

    def edit(files: list[FileDataset]) -> None:
        for file in files:
            for keyword, value in tags.items():
                if value is None:
                    delattr(file, keyword)
                else:
                    setattr(file, keyword, value)

    return edit


def last(**tags: object) -> Edit:
    return lambda files: each(**tags)(files[-1:])


def doubled(**tags: object) -> Edit:
    def edit(files: list[FileDataset]) -> None:
        copies = series(PIXELS)
        for copy, file in zip(copies, files, strict=True):
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
                setattr(copy, keyword, getattr(file, keyword))
        each(EchoTime=10)(files)
        each(**{"EchoTime": 10} | tags)(copies)
        files.extend(copies)

    return edit


def raw(keyword: str, text: bytes) -> Edit:
    """Writes a text of numbers that pydicom would not."""
    return lambda files: files[-1].__setitem__(
        keyword, pydicom.dataelem.RawDataElement(pydicom.tag.Tag(keyword), "DS", len(text), text, 0, False, True)
    )


HIGH = [*ORIGIN[:2], ORIGIN[2] + 18]
REFUSED: dict[str, tuple[Edit, str]] = {
    "missing slice": (lambda files: files.pop(3), r"are 6 mm apart, others 3 mm"),
    "uneven": (last(ImagePositionPatient=[*ORIGIN[:2], 119.0]), r"are 4 mm apart, others 3 mm"),
    "shifted": (last(ImagePositionPatient=[ORIGIN[0] + 2, *HIGH[1:]]), r"shifted against each other in another way"),
    "duplicate": (doubled(), r"lie at one place \(7 such pairs\): the series holds several volumes, or slices twice"),
    "echoes": (doubled(EchoTime=20), r"several volumes, which differ in Echo Time 10.0 and 20.0"),
    "one echo": (last(EchoTime=20), r"differ in Echo Time \(10.0 and 20.0\), so they belong to different volumes"),
    "localizer": (last(ImageOrientationPatient=[0, 1, 0, 0, 0, -1]), r"turned by 90 degrees against"),
    "marked localizer": (last(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), r"is a localizer among the slices"),
    "turned in its plane": (last(ImageOrientationPatient=[0, 1, 0, -1, 0, 0]), r"turned in its plane"),
    "another spacing": (last(PixelSpacing=[1, 1]), r"has the Pixel Spacing 1x1 mm, but .* has 0.8x0.7 mm"),
    "spacing of some": (last(PixelSpacing=None), r"has no Pixel Spacing, but others have"),
    "position of some": (last(ImagePositionPatient=None), r"has no Image Position, but others have"),
    "orientation of some": (last(ImageOrientationPatient=None), r"has no Image Orientation, but others have"),
    "frame of reference": (last(FrameOfReferenceUID="1.2.3"), r"have different Frames of Reference"),
    "patients": (last(PatientID="2"), r"slices of 2 in Patient ID \(1, 2\) under one series UID"),
    "studies": (last(StudyInstanceUID="1.2.3"), r"slices of 2 in Study Instance UID"),
    "zero spacing": (each(PixelSpacing=[0, 1]), r"has the Pixel Spacing 0x1 mm: correct it"),
    "one spacing": (each(PixelSpacing=0.5), r"has 0.5 in Pixel Spacing: correct it"),
    "nan position": (raw("ImagePositionPatient", b"nan\\0\\118"), r"in Image Position Patient: correct it"),
    "text spacing": (raw("PixelSpacing", b"wide\\1 "), r"has no numbers in Pixel Spacing"),
    "long orientation": (each(ImageOrientationPatient=[2, 0, 0, 0, 2, 0]), r"not two directions of length 1"),
    "flat orientation": (each(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), r"not two directions of length 1"),
    "zero slope": (each(RescaleSlope=0), r"has the Rescale Slope 0"),
    "mosaic": (each(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), r"is a mosaic"),
    "no order": (each(ImagePositionPatient=None, InstanceNumber=1), r"their order is not known"),
    "cut short": (lambda files: setattr(files[-1], "PixelData", files[-1].PixelData[:-4]), r"has 56 of 60 bytes"),
    "more frames": (lambda files: setattr(files[-1], "PixelData", bytes(120)), r"for more frames than"),
    "no pixels": (last(PixelData=None), r"has no pixels"),
    "no rows": (last(Rows=None), r"has no Rows and Columns"),
    "many frames": (last(NumberOfFrames=10**9), r"too few for its 1000000000 frames"),
    "no frames": (last(NumberOfFrames=-1), r"too few for its -1 frames"),
    "colours": (last(SamplesPerPixel=3), r"colours instead of values"),
    "palette": (last(PhotometricInterpretation="PALETTE COLOR"), r"colours instead of values"),
    "packed": (each(BitsAllocated=12, BitsStored=12, HighBit=11), r"cannot be decoded"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_no_grid_holds_is_refused_in_a_sentence_that_names_a_file(tmp_path: Path, kind: str) -> None:
    edit, sentence = REFUSED[kind]
    files = series(PIXELS)
    each(EchoTime=10)(files)
    edit(files)
    folder = write(files, tmp_path / "a")
    with pytest.raises(DataError, match=sentence) as caught:
        read_volume(folder)
    message = str(caught.value)
    assert str(folder) in message and "\n" not in message and message.endswith(".")


def test_another_size_is_refused(tmp_path: Path) -> None:
    files = series(PIXELS)
    files[-1].Rows, files[-1].Columns = 6, 5
    with pytest.raises(DataError, match=r"has 5x6 pixels, but .* has 6x5"):
        read_volume(write(files, tmp_path / "a"))


ASSUMED: dict[str, tuple[Edit, tuple[float, float, float], str]] = {
    "pixel spacing": (each(PixelSpacing=None), (1, 1, 3), "no Pixel Spacing: 1 mm is assumed"),
    "empty spacing": (each(PixelSpacing=""), (1, 1, 3), "no Pixel Spacing: 1 mm is assumed"),
    "detector": (each(PixelSpacing=None, ImagerPixelSpacing=[2, 4]), (4, 2, 3), "Imager Pixel Spacing is taken"),
    "thickness": (each(ImagePositionPatient=None), (0.7, 0.8, 3), r"the Slice Thickness (3 mm) is taken"),
    "distance": (
        each(ImagePositionPatient=None, SpacingBetweenSlices=-4),
        (0.7, 0.8, 4),
        "Spacing Between Slices (4 mm) is taken",
    ),
    "nothing": (
        each(ImagePositionPatient=None, SliceThickness=""),
        (0.7, 0.8, 1),
        "1 mm, as nothing is said,",
    ),
    "orientation": (each(ImageOrientationPatient=None), (0.7, 0.8, 3), "axial slices are assumed"),
}


@pytest.mark.parametrize("kind", ASSUMED)
def test_what_is_assumed_is_said(tmp_path: Path, kind: str) -> None:
    edit, spacing, sentence = ASSUMED[kind]
    files = series(PIXELS)
    edit(files)
    voxels, affine, remarks = read(write(files, tmp_path / "a"))
    np.testing.assert_array_equal(voxels, PIXELS.transpose(2, 1, 0))
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), spacing)
    assert len(remarks) == 1 and sentence in remarks[0]


def test_slice_location_orders_slices_without_positions(tmp_path: Path) -> None:
    files = series(PIXELS)
    each(ImagePositionPatient=None)(files)
    for index, file in enumerate(files):
        file.SliceLocation, file.InstanceNumber = -4 * index, index
    voxels, affine, remarks = read(write(files, tmp_path / "a"))
    np.testing.assert_array_equal(voxels, PIXELS[::-1].transpose(2, 1, 0))
    assert np.linalg.norm(affine[:3, 2]) == 4 and "Slice Location" in remarks[0]


def test_a_single_slice_is_as_thick_as_it_says(tmp_path: Path) -> None:
    _, affine, remarks = read(write(series(PIXELS[:1]), tmp_path / "a"))
    assert np.linalg.norm(affine[:3, 2]) == SPACING[2] and remarks == []
    files = series(PIXELS[:1])
    each(SliceThickness=None)(files)
    _, affine, remarks = read(write(files, tmp_path / "b"))
    assert np.linalg.norm(affine[:3, 2]) == 1 and "single slice without Slice Thickness" in remarks[0]


def test_positions_beat_all_else(tmp_path: Path) -> None:
    files = series(PIXELS)
    for index, file in enumerate(files):
        file.SpacingBetweenSlices, file.SliceThickness = -5, 1
        file.SliceLocation, file.InstanceNumber, file.AcquisitionNumber = -index, 10 - index, 1 + index // 4
    voxels, affine, remarks = read(write(files, tmp_path / "a"))
    assert_voxels_lie_where_tags_say(files, voxels, affine)
    assert remarks == []


def test_slices_of_acquisitions_in_turn_are_said(tmp_path: Path) -> None:
    files = series(PIXELS)
    for index, file in enumerate(files):
        file.AcquisitionNumber = 1 + index % 2
    voxels, affine, remarks = read(write(files, tmp_path / "a"))
    assert_voxels_lie_where_tags_say(files, voxels, affine)
    assert len(remarks) == 1 and "come from 2 acquisitions in turn" in remarks[0]


# Values


def values(files: list[FileDataset], folder: Path) -> tuple[np.ndarray, list[str]]:
    voxels, _, remarks = read(write(files, folder))
    return voxels.transpose(2, 1, 0), remarks


def test_monochrome1_is_a_matter_of_display(tmp_path: Path) -> None:
    files = series(PIXELS)
    each(PhotometricInterpretation="MONOCHROME1", RescaleIntercept=-100)(files)
    found, _ = values(files, tmp_path / "a")
    np.testing.assert_array_equal(found, PIXELS.astype(int) - 100)


def test_values_of_32_bits_stay_whole(tmp_path: Path) -> None:
    stored = (PIXELS.astype(np.int64) + 2**30).astype(np.uint32)
    np.testing.assert_array_equal(values(series(stored), tmp_path / "a")[0], stored)
    files = series(stored)
    each(RescaleSlope=0.5)(files)
    found, _ = values(files, tmp_path / "b")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, stored / 2)


def test_bits_above_the_stored_ones_are_no_values(tmp_path: Path) -> None:
    signed = (PIXELS % 4096 - 2048).astype(np.int16)
    # Twelve bits of a signed number, and what an overlay puts above them.
    stored = (signed.astype(np.int32) & 0xFFF | 0x5000).astype(np.uint16).view(np.int16)
    files = series(stored)
    each(BitsStored=12, HighBit=11)(files)
    found, remarks = values(files, tmp_path / "a")
    np.testing.assert_array_equal(found, signed)
    assert "bits set above the 12" in remarks[0]


def test_values_that_the_stored_bits_cannot_hold_with_a_sign_are_warned_of(tmp_path: Path) -> None:
    files = series((PIXELS % 2048 + 2000).astype(np.int16))
    each(BitsStored=12, HighBit=11)(files)
    found, remarks = values(files, tmp_path / "a")
    expected = PIXELS % 2048 + 2000
    np.testing.assert_array_equal(found, np.where(expected > 2047, expected - 4096, expected))
    assert len(set(remarks)) == 1 and "has values above 2047, the largest of the 12 bits with a sign" in remarks[0]


def test_a_high_bit_at_the_top_is_a_shift(tmp_path: Path) -> None:
    files = series((PIXELS % 4096).astype(np.uint16) << 4)
    each(BitsStored=12, HighBit=15)(files)
    np.testing.assert_array_equal(values(files, tmp_path / "a")[0], PIXELS % 4096)


def test_a_modality_lut_is_applied(tmp_path: Path) -> None:
    files = series((PIXELS % 10).astype(np.uint8))
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [8, 2, 16], "US"
    table.add_new("LUTData", "US", [100, 90, 80, 75, 60, 50, 40, 30])
    each(RescaleSlope=None, RescaleIntercept=None, ModalityLUTSequence=[table])(files)
    found, _ = values(files, tmp_path / "a")
    np.testing.assert_array_equal(found, np.array([100, 100, 100, 90, 80, 75, 60, 50, 40, 30])[PIXELS % 10])


def test_float_pixels_are_read(tmp_path: Path) -> None:
    files = series(PIXELS.astype(np.int32))
    expected = np.random.default_rng(1).normal(size=PIXELS.shape).astype(np.float32)
    for file, plane in zip(files, expected, strict=True):
        del file.PixelData, file.BitsStored, file.HighBit, file.PixelRepresentation
        file.FloatPixelData = plane.tobytes()
    np.testing.assert_array_equal(values(files, tmp_path / "a")[0], expected)


def test_tags_of_display_and_other_units_change_nothing(tmp_path: Path) -> None:
    files = series(PIXELS)
    mapping = Dataset()
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 7.0, 3.0
    icon = picture(np.zeros((2, 2), np.uint8))
    each(
        WindowCenter=40, WindowWidth=400, RealWorldValueMappingSequence=[mapping], PixelPaddingValue=-1000,
        IconImageSequence=[Dataset({element.tag: element for element in icon if element.tag.group == 0x28})],
    )(files)  # fmt: skip
    np.testing.assert_array_equal(values(files, tmp_path / "a")[0], PIXELS)


# Frames


def stack(pixels: np.ndarray, **tags: object) -> FileDataset:
    """A multi-frame file without functional groups."""
    file = picture(pixels, uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage)
    file.NumberOfFrames, file.SeriesInstanceUID, file.StudyInstanceUID = len(pixels), "1.2.3", "1.2"
    each(**tags)([file])
    return file


FIRST = {"ImagePositionPatient": list(ORIGIN), "ImageOrientationPatient": list(AXIAL), "PixelSpacing": [0.8, 0.7]}


@pytest.mark.parametrize("distance", [3, -3])
def test_frames_with_one_position_are_stacked_by_the_sign_of_their_distance(tmp_path: Path, distance: float) -> None:
    voxels, affine, remarks = read(write([stack(PIXELS, SpacingBetweenSlices=distance, **FIRST)], tmp_path / "a"))
    np.testing.assert_array_equal(voxels, (PIXELS if distance > 0 else PIXELS[::-1]).transpose(2, 1, 0))
    bottom = ORIGIN[2] + min(0, 6 * distance)
    np.testing.assert_allclose(affine, [[-0.7, 0, 0, 20], [0, -0.8, 0, -15], [0, 0, 3, bottom], [0, 0, 0, 1]])
    assert "one position for all frames" in remarks[0]


def test_the_geometry_of_nuclear_medicine_is_that_of_its_detector(tmp_path: Path) -> None:
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = list(ORIGIN), list(AXIAL)
    file = stack(
        PIXELS, DetectorInformationSequence=[detector], SpacingBetweenSlices=3, PixelSpacing=[0.8, 0.7],
        FrameIncrementPointer=0x00540080, SliceVector=list(range(1, 8)),
    )  # fmt: skip
    voxels, affine, _ = read(write([file], tmp_path / "a"))
    np.testing.assert_array_equal(voxels, PIXELS.transpose(2, 1, 0))
    assert affine[2, 3] == ORIGIN[2]


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({"FrameIncrementPointer": 0x00181063, "FrameTime": 33}, "differ in Frame Time"),
        (
            {"FrameIncrementPointer": [0x00540010, 0x00540080], "EnergyWindowVector": [1, 1, 1, 1, 2, 2, 2]},
            "differ in Energy Window Vector",
        ),
        (FIRST, "have no distance"),
    ],
)
def test_frames_that_are_no_slices_are_refused(tmp_path: Path, tags: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_volume(write([stack(PIXELS, **tags)], tmp_path / "a"))


def test_frames_without_any_place_are_taken_in_their_order(tmp_path: Path) -> None:
    voxels, _, remarks = read(write([stack(PIXELS)], tmp_path / "a"))
    np.testing.assert_array_equal(voxels, PIXELS.transpose(2, 1, 0))
    assert len(remarks) == 3


@pytest.mark.parametrize("kind", ["missing slice", "uneven", "duplicate", "localizer", "nan position"])
def test_frames_are_refused_as_files_are(tmp_path: Path, kind: str) -> None:
    edit, sentence = REFUSED[kind]
    files = series(PIXELS)
    edit(files)
    with pytest.raises(DataError, match=f"frame . *.*{sentence}"):
        read_volume(write([enhanced(files)], tmp_path / "a"))


def test_frames_that_are_not_all_described_are_refused(tmp_path: Path) -> None:
    file = enhanced(series(PIXELS))
    del file.PerFrameFunctionalGroupsSequence[-1]
    with pytest.raises(DataError, match="describes 6 of its 7 frames"):
        read_volume(write([file], tmp_path / "a"))


def test_volumes_in_frames_are_told_apart(tmp_path: Path) -> None:
    file = enhanced([*series(PIXELS), *series(PIXELS)])
    for index, frame in enumerate(file.PerFrameFunctionalGroupsSequence):
        frame.update(group(MRDiffusionSequence={"DiffusionBValue": 1000 * (index // 7)}))
    with pytest.raises(DataError, match=r"frame 1, and .*frame 8, .*differ in Diffusion BValue 0.0 and 1000.0"):
        read_volume(write([file], tmp_path / "a"))


# Files


def test_other_files_and_objects_in_the_folder_are_passed_over(tmp_path: Path) -> None:
    folder = write(series(PIXELS), tmp_path / "a")
    for name in ("rtstruct.dcm", "reportsi.dcm", "rtplan.dcm"):
        (folder / name).write_bytes((PUBLIC / name).read_bytes())
    (folder / "DICOMDIR").write_bytes((PUBLIC / "dicomdirtests" / "DICOMDIR").read_bytes())
    (folder / "README").write_text("nothing")
    (folder / "._01.dcm").write_bytes(b"\0\5\x16\7")
    (folder / "folder").mkdir()
    np.testing.assert_array_equal(read_volume(folder)[0], PIXELS.transpose(2, 1, 0))


def test_a_folder_of_other_objects_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes((PUBLIC / "rtstruct.dcm").read_bytes())
    with pytest.raises(DataError, match="no DICOM series of images that can be read, only RT Structure Set Storage"):
        read_volume(tmp_path)


@pytest.mark.parametrize("share", [0, 0.05, 0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_file_that_is_cut_short_is_named(tmp_path: Path, share: float, place: int) -> None:
    folder = write(series(PIXELS), tmp_path / "a")
    file = sorted(folder.iterdir())[place]
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=file.name):
        read_volume(folder)


def test_a_series_is_chosen_by_its_uid(tmp_path: Path) -> None:
    first, second = series(PIXELS), series(PIXELS[:3])
    folder = write([*first, *second], tmp_path / "a")
    uids = [files[0].SeriesInstanceUID for files in (first, second)]
    with pytest.raises(DataError, match="holds 2 DICOM series: choose one by its UID") as caught:
        read_volume(folder)
    assert all(one in str(caught.value) for one in uids)
    np.testing.assert_array_equal(read_volume(folder, uids[1])[0], PIXELS[:3].transpose(2, 1, 0))
    with pytest.raises(DataError, match=r"holds no series 1\.2: choose from"):
        read_volume(folder, "1.2")


def compressed(syntax: uid.UID) -> Edit:
    return lambda files: [file.compress(syntax) for file in files]


def rewritten(syntax: uid.UID) -> Edit:
    def edit(files: list[FileDataset]) -> None:
        for file in files:
            file.file_meta.TransferSyntaxUID = syntax

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        compressed(uid.RLELossless),
        rewritten(uid.ImplicitVRLittleEndian),
        rewritten(uid.DeflatedExplicitVRLittleEndian),
    ],
)
def test_how_a_file_is_written_changes_nothing(tmp_path: Path, edit: Edit) -> None:
    files = series(PIXELS)
    edit(files)
    np.testing.assert_array_equal(read_volume(write(files, tmp_path / "a"))[0], PIXELS.transpose(2, 1, 0))


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian])
def test_files_without_a_preamble_are_read(tmp_path: Path, syntax: uid.UID) -> None:
    for index, file in enumerate(series(PIXELS)):
        del file.file_meta
        file.preamble = None
        file.save_as(
            tmp_path / str(index), implicit_vr=syntax.is_implicit_VR, little_endian=True, enforce_file_format=False
        )
    np.testing.assert_array_equal(read_volume(tmp_path)[0], PIXELS.transpose(2, 1, 0))


@pytest.mark.parametrize("syntax", ["JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless"])
@pytest.mark.parametrize(("kind", "stored"), [(np.int16, 16), (np.int16, 12), (np.uint16, 12), (np.uint8, 8)])
def test_lossless_compression_changes_nothing(tmp_path: Path, syntax: str, kind: type, stored: int) -> None:
    gdcm = pytest.importorskip("gdcm")
    half = 2 ** (stored - 1) if kind is np.int16 else 0
    pixels = np.random.default_rng(2).integers(-half, 2**stored - half, (1, 24, 33)).astype(kind)
    files = series(pixels)
    each(BitsStored=stored, HighBit=stored - 1)(files)
    file = str(next(write(files, tmp_path / "a").iterdir()))
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(file)
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    change.SetInput(reader.GetImage())
    if not change.Change():
        pytest.skip("GDCM does not write this kind")
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(file)
    assert writer.Write()
    assert pydicom.dcmread(file).file_meta.TransferSyntaxUID.is_compressed
    voxels, _, remarks = read(Path(file))
    np.testing.assert_array_equal(voxels, pixels.transpose(2, 1, 0))
    assert remarks == []


@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm"])
def test_jpeg_of_12_bits_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="JPEG of 12 bits, which is not read"):
        read_volume(PUBLIC / name)


def test_without_a_decoder_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "pixel_array", property(_fail))
    monkeypatch.setitem(sys.modules, "gdcm", None)
    with pytest.raises(DataError, match="compressed .JPEG 2000.*needs python-gdcm: pip install python-gdcm"):
        read_volume(PUBLIC / "MR_small_jp2klossless.dcm")


def test_without_pydicom_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(series(PIXELS), tmp_path / "a")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(DataError, match="is DICOM, and needs pydicom: pip install pydicom"):
        read_volume(folder)


def _fail(dataset: Dataset) -> None:
    raise RuntimeError("no decoder")


# Public files

SAME = ("RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded")


@pytest.mark.parametrize("kind", SAME)
def test_public_files_of_one_slice_are_the_same_volume(kind: str) -> None:
    expected, affine = read_volume(PUBLIC / "MR_small.dcm")
    found, other = read_volume(PUBLIC / f"MR_small_{kind}.dcm")
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(other, affine)


IMAGES = sorted(path for path in PUBLIC.glob("*.dcm"))


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
def test_public_files_are_right_or_refused(path: Path) -> None:
    try:
        voxels, _, _ = read(path)
    except DataError as error:
        message = str(error)
        assert path.name in message and "\n" not in message and message.endswith(".")
        return
    file = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in file.file_meta:
        file.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    stored = file.pixel_array.reshape(-1, file.Rows, file.Columns)
    expected = stored * float(file.get("RescaleSlope", 1)) + float(file.get("RescaleIntercept", 0))
    np.testing.assert_allclose(voxels, expected.transpose(2, 1, 0), rtol=1e-6)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    folder = write(series(PIXELS), tmp_path / "a")
    file = next(folder.iterdir())
    file.chmod(0)
    with pytest.raises(DataError, match=f"{file.name} cannot be read .Permission denied"):
        read_volume(folder)
