"""Finds the files of CHAOS CT (liver): ``Train_Sets/CT/ID/DICOM_anon/*.dcm`` and ``Ground/*.png``, a mask per slice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_lwmisn.data.datasets.base import DatasetFormat, Scan
from monai_lwmisn.errors import DataError, reason_of
from monai_lwmisn.inference.folders import FolderTree

pydicom, _ = optional_import("pydicom")

MISSING_SLICE_GAP = 1.5
"""A slice is missing if the distance of two neighbours exceeds this many times the usual one."""

SAME_PLACE_MM = 1e-3
"""Two slices have the same position if their distance in millimetres is below this."""


def _read_header(path: Path) -> Any:
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        orientation = np.asarray(getattr(header, "ImageOrientationPatient", (1, 0, 0, 0, 1, 0)), dtype=float)
        return np.asarray(header.ImagePositionPatient, dtype=float), orientation
    except (OSError, AttributeError, TypeError, ValueError, pydicom.errors.InvalidDicomError) as error:
        raise DataError(f"The DICOM slice {path} cannot be read ({reason_of(error)}): download it again.") from error


def order_slices(files: list[Path]) -> list[int]:
    """Return the order of the slices of a series by position along their normal, as indices into ``files``.

    The reader of volumes stacks the slices in the same order.

    Raises:
        DataError: a file is not a DICOM slice, two slices have the same position, or a slice is missing.
    """
    headers = [_read_header(file) for file in files]
    orientation = headers[0][1]
    normal = np.cross(orientation[:3], orientation[3:])
    heights = np.array([position @ normal for position, _ in headers])
    order = [int(index) for index in np.argsort(heights, kind="stable")]
    if len(files) < 2:
        return order
    steps = np.diff(heights[order])
    usual = float(np.median(steps))
    for place, step in enumerate(steps):
        first, second = files[order[place]], files[order[place + 1]]
        if step < SAME_PLACE_MM:
            raise DataError(
                f"The DICOM slices {first} and {second.name} are duplicates of one slice: remove one of them."
            )
        if step > MISSING_SLICE_GAP * usual:
            raise DataError(
                f"A DICOM slice is missing between {first} and {second.name}, which lie {step:g} mm apart instead of "
                f"{usual:g} mm: download the series again."
            )
    return order


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
                order = order_slices(slices)
            except DataError as error:
                scan.problems.append(str(error))
                continue
            label = [str(masks[index]) for index in order]
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
