"""Finds the files of CHAOS CT (liver): ``Train_Sets/CT/ID/DICOM_anon/*.dcm`` and ``Ground/*.png``, a mask per slice."""

from __future__ import annotations

from pathlib import Path

from monai_lwmisn.data.datasets.base import DatasetFormat, Scan
from monai_lwmisn.errors import DataError
from monai_lwmisn.light.dicom import find_grid
from monai_lwmisn.light.folders import FolderTree


def _in_order(slices: list[Path], masks: list[Path]) -> list[str]:
    """The masks in the order of the slices in their volume.

    Raises:
        DataError: the slices are no volume, see :func:`find_grid`; or a file is no slice.
    """
    of_slice = {str(file): str(mask) for file, mask in zip(slices, masks, strict=True)}
    files = [plane.file for plane in find_grid(slices[0].parent).planes]
    if sorted(files) != sorted(of_slice):
        (other, *_) = set(files) ^ set(of_slice)
        raise DataError(f"The file {other} is no slice, or has no mask: remove it.")
    return [of_slice[file] for file in files]


def scan_chaos_ct(path: Path) -> Scan:
    """Find DICOM series and their masks. Masks and slices are paired in the order of their file names."""
    scan = Scan()
    tree = FolderTree(path)
    cases = sorted(
        {folder.parent for folder in tree.files if folder.name in ("DICOM_anon", "Ground")},
        key=lambda case: (len(case.name), case.name),
    )
    for case in cases:
        slices = [file for file in tree.files.get(case / "DICOM_anon", []) if file.suffix.lower() == ".dcm"]
        masks = [file for file in tree.files.get(case / "Ground", []) if file.suffix.lower() == ".png"]
        if not slices and not masks:
            continue  # the MR cases of CHAOS have one folder level more
        if not masks:
            scan.problems.append(f"The series {case / 'DICOM_anon'} has no masks: add {case / 'Ground'} or remove it.")
        elif not slices:
            scan.problems.append(
                f"The masks {case / 'Ground'} have no series: add {case / 'DICOM_anon'} or remove them."
            )
        elif len(slices) != len(masks):
            scan.problems.append(
                f"The series {case / 'DICOM_anon'} has {len(slices)} slices but {len(masks)} masks: complete either."
            )
        else:
            try:
                label = _in_order(slices, masks)
            except DataError as error:
                scan.problems.append(str(error))
                continue
            name = case.name
            scan.items.append({"image": str(case / "DICOM_anon"), "label": label, "case": name, "group": name})
    tree.warn()
    return scan


def describe(tree: FolderTree) -> str:
    """Return the series with masks that a folder has; an empty text where it has none."""
    found = [
        folder for folder in tree.files if folder.name == "Ground" and folder.with_name("DICOM_anon") in tree.files
    ]
    return "ID/DICOM_anon and ID/Ground" if found else ""


FORMAT = DatasetFormat(
    description="CHAOS CT: Train_Sets/CT/ID with DICOM_anon/*.dcm and Ground/*.png",
    scan=scan_chaos_ct,
    describe=describe,
)
