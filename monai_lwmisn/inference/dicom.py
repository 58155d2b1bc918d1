"""Finds the slices of a DICOM series in a folder. Needs numpy and ITK, neither torch nor MONAI."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_lwmisn.errors import DataError

SPACING_TOLERANCE = 0.05
"""Share of the usual distance between slices by which one may differ."""

__all__ = ["check_spacing", "series_files"]


def series_files(folder: str, series: str | None = None) -> list[str]:
    """The files of one DICOM series in a folder, in the order of their positions along the slice normal.

    Args:
        folder: holds one or more DICOM series.
        series: the UID of one of them; needed where there are several.

    Raises:
        DataError: there is no series, not the one asked for, or more than one to choose from.
    """
    import itk

    names = itk.GDCMSeriesFileNames.New()
    names.SetUseSeriesDetails(False)
    names.SetDirectory(folder)
    found = list(names.GetSeriesUIDs())
    if not found:
        raise DataError(f"The folder {folder} holds no DICOM series that can be read.")
    if series is None and len(found) > 1:
        raise DataError(f"The folder {folder} holds {len(found)} series: choose one by its UID, of {', '.join(found)}.")
    if series is not None and series not in found:
        raise DataError(f"The folder {folder} holds no series {series}: choose from {', '.join(found)}.")
    return list(names.GetFileNames(series or found[0]))


def check_spacing(files: Sequence[str]) -> None:
    """Refuse a series whose slices do not follow each other at one distance.

    Args:
        files: the slices in the order of their positions.

    Raises:
        DataError: slices are missing, doubled or unevenly spaced. A volume of them would be distorted.
    """
    positions = np.array([_position(file) for file in files])
    distances = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    if len(distances) == 0:
        return
    usual = float(np.median(distances))
    for distance, first, second in zip(distances, files, files[1:]):  # noqa: B905  one shorter
        if abs(distance - usual) > SPACING_TOLERANCE * usual:
            raise DataError(
                f"The DICOM slices {first} and {second} are {distance:.3g} mm apart, others {usual:.3g} mm: "
                "complete the series or remove what is there twice."
            )


def _position(file: str) -> list[float]:
    import itk

    header = itk.GDCMImageIO.New()
    header.SetFileName(file)
    header.ReadImageInformation()
    return [header.GetOrigin(axis) for axis in range(3)]
