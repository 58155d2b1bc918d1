"""Test files that other packages bring along: pydicom, nibabel, scikit-image; and files that highdicom writes."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pydicom
import pytest
import SimpleITK as sitk

from tests.inputs.dicom import by_pydicom, series
from tests.inputs.pictures import shown
from tests.inputs.table import Picture, Refused, Row, Volume
from tests.inputs.volume_files import by_nibabel


def file_of(package: str, place: str) -> Path:
    """The path of a file in an installed package; a test without it is skipped."""
    found = find_spec(package)
    path = Path(str(found.origin)).parent / place if found else Path(place)
    if not path.is_file():
        pytest.skip(f"{package} is not installed, or without its test file {place}")
    return path


def copied(package: str, place: str, folder: Path, in_folder: bool = False) -> Path:
    source = file_of(package, place)
    target = folder / "series" if in_folder else folder
    target.mkdir(exist_ok=True)
    shutil.copyfile(source, target / source.name)
    return target if in_folder else target / source.name


def dicom(name: str) -> Callable[[Path], Path]:
    return partial(copied, "pydicom", f"data/test_files/{name}.dcm", in_folder=True)


def nicom(name: str) -> Callable[[Path], Path]:
    return partial(copied, "nibabel", f"nicom/tests/data/{name}.dcm", in_folder=True)


def nifti(name: str) -> Callable[[Path], Path]:
    return partial(copied, "nibabel", f"tests/data/{name}")


def skimage(name: str) -> Callable[[Path], Path]:
    return partial(copied, "skimage", f"data/{name}")


def like(name: str) -> Callable[[Path], Volume]:
    """The same image in another file of pydicom, written without compression."""
    return lambda path: by_pydicom(file_of("pydicom", f"data/test_files/{name}.dcm"))


def by_itk(path: Path) -> Picture:
    """By ITK's decoders; what has more than 8 bits is scaled as the documents say."""
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    colours = values[..., :3] if values.ndim == 3 and values.shape[2] > 2 else values
    return replace(
        shown(colours[..., 0] if colours.ndim == 3 and colours.shape[2] == 2 else colours)(path), tolerance=5.0
    )


def converted(folder: Path) -> Path:
    """A series as one file of the enhanced kind, by highdicom."""
    from highdicom.legacy import LegacyConvertedEnhancedCTImage

    slices = [pydicom.dcmread(file) for file in series(folder, name="plain").iterdir()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = LegacyConvertedEnhancedCTImage(slices, "1.2.3.7", 1, "1.2.3.7.1", 1)
    (folder / "converted").mkdir()
    made.save_as(folder / "converted" / "frames.dcm")
    return folder / "converted"


def plain(path: Path) -> Volume:
    return by_pydicom(path.parent / "plain")


COLOUR = Refused("colour|channel|neither positions nor")
NO_IMAGE = Refused("holds no|no image|no slices|series")

DICOM: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    ("pydicom's CT_small", dicom("CT_small"), by_pydicom, ""),
    ("pydicom's MR_small", dicom("MR_small"), by_pydicom, ""),
    *(
        (f"pydicom's {name}", dicom(name), like("MR_small"), "")
        for name in (
            "MR_small_RLE",
            "MR_small_bigendian",
            "MR_small_expb",
            "MR_small_implicit",
            "MR_small_padded",
            "MR_small_jp2klossless",
            "MR_small_jpeg_ls_lossless",
        )
    ),
    ("pydicom's MR_truncated", dicom("MR_truncated"), Refused("."), ""),
    ("pydicom's 693_J2KI", dicom("693_J2KI"), partial(by_pydicom, tolerance=1), ""),
    ("pydicom's J2K_pixelrep_mismatch", dicom("J2K_pixelrep_mismatch"), by_pydicom, ""),
    ("pydicom's examples_overlay", dicom("examples_overlay"), by_pydicom, ""),
    *((f"pydicom's {name}", dicom(name), Refused("Dose"), "") for name in ("rtdose", "rtdose_expb", "rtdose_rle")),
    ("pydicom's badVR", dicom("badVR"), Refused("."), ""),
    ("pydicom's image_dfl", dicom("image_dfl"), by_pydicom, "no Image Position"),
    ("pydicom's JPEG2000", dicom("JPEG2000"), by_pydicom, "no Image Position"),
    ("pydicom's JPGExtended", dicom("JPGExtended"), Refused("."), ""),
    ("pydicom's JPEGLSNearLossless_16", dicom("JPEGLSNearLossless_16"), by_pydicom, "no Image Position"),
    ("pydicom's liver_1frame", dicom("liver_1frame"), Refused("."), ""),
    *(
        (f"pydicom's {name}", dicom(name), COLOUR, "")
        for name in (
            "ExplVR_BigEnd",
            "GDCMJ2K_TextGBR",
            "SC_rgb_jpeg_gdcm",
            "SC_rgb_rle_16bit",
            "SC_rgb_rle_2frame",
            "SC_rgb_small_odd",
            "SC_ybr_full_422_uncompressed",
            "examples_rgb_color",
            "examples_palette",
        )
    ),
    *(
        (f"pydicom's {name}", dicom(name), NO_IMAGE, "")
        for name in ("rtplan", "rtplan_truncated", "rtstruct", "test-SR", "waveform_ecg", "no_meta", "reportsi")
    ),
    ("nibabel's decimal_rescale", nicom("decimal_rescale"), by_pydicom, ""),
    ("nibabel's slicethickness_empty_string", nicom("slicethickness_empty_string"), by_pydicom, ""),
    ("nibabel's csa_slice_norm", nicom("csa_slice_norm"), Refused("."), ""),
    ("converted by highdicom", converted, plain, ""),
]

NIFTI: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    ("nibabel's anatomical", nifti("anatomical.nii"), by_nibabel, ""),
    ("nibabel's standard", nifti("standard.nii.gz"), by_nibabel, ""),
    ("nibabel's reoriented_anat_moved", nifti("reoriented_anat_moved.nii"), by_nibabel, ""),
    ("nibabel's resampled_anat_moved", nifti("resampled_anat_moved.nii"), Refused("NaN"), ""),
    ("nibabel's example4d", nifti("example4d.nii.gz"), Refused("2 channels"), ""),
    ("nibabel's example_nifti2", nifti("example_nifti2.nii.gz"), Refused("2 channels"), ""),
    ("nibabel's functional", nifti("functional.nii"), Refused("20 channels"), ""),
    ("nibabel's nifti1.hdr without its .img", nifti("nifti1.hdr"), Refused("."), ""),
    ("nibabel's connectivity matrix", nifti("row_major.dconn.nii"), Refused("."), ""),
]

PNG: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    (f"scikit-image's {name}", skimage(f"{name}.png"), by_itk, remark)
    for name, remark in (
        ("cell", ""),
        ("horse", "transparent"),
        ("chessboard_GRAY", ""),
        ("chessboard_RGB", ""),
        ("coins", ""),
        ("microaneurysms", ""),
        ("page", ""),
        ("phantom", ""),
        ("text", ""),
        ("clock_motion", ""),
        ("color", ""),
        ("logo", ""),
    )
]

ROWS = [Row("DICOM", *row) for row in DICOM]
ROWS += [Row("NIfTI", *row) for row in NIFTI]
ROWS += [Row("PNG", *row) for row in PNG]
ROWS += [Row("JPEG", f"scikit-image's {name}", skimage(f"{name}.jpg"), by_itk) for name in ("rocket",)]
ROWS += [
    Row("TIFF", f"scikit-image's {name}", skimage(f"{name}.tif"), Refused("pages"))
    for name in ("multipage", "multipage_rgb")
]
