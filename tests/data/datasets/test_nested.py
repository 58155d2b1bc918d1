"""Images and labels in folders of folders, as patients, BIDS and trees have them."""

import os
import warnings
from pathlib import Path

import pytest

from monai_lwmisn.data import read_dataset
from monai_lwmisn.data.datasets import recognise_dataset, scan_dataset
from monai_lwmisn.errors import DataError, InputWarning

DICOM = b"\0" * 128 + b"DICM"


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(DICOM if name.endswith(".dcm") else b"")
    return folder


def read(folder: Path) -> tuple[dict[str, tuple[object, str, str]], str]:
    """Image, label and group by case, and what was said."""
    assert recognise_dataset(folder) == "nested"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        items = read_dataset("nested", folder)
    found = {}
    for item in items:
        images = [item["image"]] if isinstance(item["image"], str) else item["image"]
        named = [os.path.relpath(image, folder) for image in images]
        image = named[0] if isinstance(item["image"], str) else named
        found[item["case"]] = (image, os.path.relpath(item["label"], folder), item["group"])
    return found, " ".join(str(warning.message) for warning in caught)


def of(*patients: str, files: tuple[str, ...]) -> list[str]:
    return [file.format(p=patient) for patient in patients for file in files]


@pytest.mark.parametrize(
    ("files", "case", "found"),
    [
        (
            ("case_{p}/imaging.nii.gz", "case_{p}/segmentation.nii.gz"),
            "case_01",
            ("case_01/imaging.nii.gz", "case_01/segmentation.nii.gz", "case_01"),
        ),
        (
            ("TCGA_{p}/TCGA_{p}_7.tif", "TCGA_{p}/TCGA_{p}_7_mask.tif"),
            "TCGA_01_7",
            ("TCGA_01/TCGA_01_7.tif", "TCGA_01/TCGA_01_7_mask.tif", "TCGA_01"),
        ),
        (
            ("images/P{p}/slice3.png", "masks/P{p}/slice3.png"),
            "P01_slice3",
            ("images/P01/slice3.png", "masks/P01/slice3.png", "P01"),
        ),
        (
            ("P{p}/images/a.png", "P{p}/images/b.png", "P{p}/masks/a.png", "P{p}/masks/b.png"),
            "P02_b",
            ("P02/images/b.png", "P02/masks/b.png", "P02"),
        ),
        (
            ("sub-{p}/anat/sub-{p}_T1w.nii.gz", "derivatives/lesions/sub-{p}/anat/sub-{p}_T1w_desc-x_mask.nii.gz"),
            "sub-01_T1w",
            (
                "sub-01/anat/sub-01_T1w.nii.gz",
                "derivatives/lesions/sub-01/anat/sub-01_T1w_desc-x_mask.nii.gz",
                "sub-01",
            ),
        ),
        (
            ("images/scan{p}/1.dcm", "images/scan{p}/2.dcm", "labels/scan{p}.nii.gz"),
            "scan01",
            ("images/scan01", "labels/scan01.nii.gz", "scan01"),
        ),
        (
            ("P{p}/dicom/1.dcm", "P{p}/label.nii.gz"),
            "P01",
            ("P01/dicom", "P01/label.nii.gz", "P01"),
        ),
    ],
)
def test_the_folders_of_patients_are_groups(
    tmp_path: Path, files: tuple[str, ...], case: str, found: tuple[str, str, str]
) -> None:
    pairs, said = read(touch(tmp_path, *of("01", "02", "03", files=files)))
    assert pairs[case] == found and "and others alike" in said
    assert len({group for *_, group in pairs.values()}) == 3


def test_sequences_of_a_patient_are_channels_in_one_order(tmp_path: Path) -> None:
    ends = ("t2", "flair", "t1ce", "t1", "seg")
    files = of("01", "02", files=tuple(f"B_{{p}}/B_{{p}}_{end}.nii.gz" for end in ends))
    pairs, said = read(touch(tmp_path, *files))
    for case, (images, label, group) in pairs.items():
        assert images == [f"{case}/{case}_{end}.nii.gz" for end in ("flair", "t1", "t1ce", "t2")]
        assert (label, group) == (f"{case}/{case}_seg.nii.gz", case)
    assert (
        sorted(pairs) == ["B_01", "B_02"] and "flair, t1, t1ce, t2 as the channels of an image, in this order" in said
    )
    (tmp_path / "B_02" / "B_02_t1.nii.gz").unlink()
    with pytest.raises(DataError, match=r"B_02 has not the channels of the others \(t1\)"):
        read_dataset("nested", tmp_path)


def test_kinds_are_strata_and_no_groups(tmp_path: Path) -> None:
    """As in a set of breast ultrasound."""
    names = [f"{kind}/{kind} ({number}){end}.png" for kind in ("benign", "malignant") for number in (1, 2)
             for end in ("", "_mask")]  # fmt: skip
    items = scan_dataset("nested", touch(tmp_path, *names)).items
    assert [item["stratum"] for item in items] == ["benign", "benign", "malignant", "malignant"]
    assert len({item["group"] for item in items}) == 4


@pytest.mark.parametrize("file", ["{part}/P{number}/image.nii", "{part}_images/P{number}/a.nii"])
def test_given_parts_stay_parts(tmp_path: Path, file: str) -> None:
    for part, numbers in (("train", "123"), ("test", "14")):
        for number in numbers:
            image = file.format(part=part, number=number)
            touch(tmp_path, image, image.replace("image.nii", "label.nii").replace("_images", "_labels"))
    items = scan_dataset("nested", tmp_path).items
    assert sorted(item["part"] for item in items) == ["test"] * 2 + ["training"] * 3
    for item in items:
        assert Path(item["image"]).relative_to(tmp_path).parts[0].startswith(item["part"].removesuffix("ing"))
        assert "stratum" not in item
    assert len({item["case"] for item in items}) == 5 and len({item["group"] for item in items}) == 4


def test_another_sequence_of_a_labelled_patient_is_passed_over(tmp_path: Path) -> None:
    files = ("sub-{p}/sub-{p}_T1w.nii", "sub-{p}/sub-{p}_T2w.nii", "derivatives/sub-{p}/sub-{p}_T1w_seg.nii")
    pairs, said = read(touch(tmp_path, *of("1", "2", files=files)))
    assert {image for image, *_ in pairs.values()} == {f"sub-{number}/sub-{number}_T1w.nii" for number in (1, 2)}
    assert "sub-1/sub-1_T2w.nii, sub-2/sub-2_T2w.nii (without a label" in said


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ("P3/image.nii", r"P3/image\.nii has no label: add"),
        ("P3/label.nii", r"P3/label\.nii has no image"),
        ("P2/seg.nii", "have one name: rename"),
    ],
)
def test_what_does_not_pair_is_named(tmp_path: Path, extra: str, sentence: str) -> None:
    touch(tmp_path, *of("1", "2", files=("P{p}/image.nii", "P{p}/label.nii")), extra)
    with pytest.raises(DataError, match=sentence):
        read_dataset("nested", tmp_path)
