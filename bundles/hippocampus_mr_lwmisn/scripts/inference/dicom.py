"""DICOM series in a folder: which there are, and whether their slices are evenly spaced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from monai.utils import optional_import

from scripts.errors import DataError

itk, _ = optional_import("itk")

SPACING_TOLERANCE = 0.05
"""Share of the usual distance between slices by which one may differ."""


def choose_series(folder: str, series: str | None = None) -> str:
    """The UID of the series to read from a folder.

    Args:
        folder: holds one or more DICOM series.
        series: the UID of one of them; needed where there are several.

    Raises:
        DataError: there is none, not the one asked for, or a choice to make.
    """
    names = itk.GDCMSeriesFileNames.New()
    names.SetUseSeriesDetails(False)
    names.SetDirectory(folder)
    found = list(names.GetSeriesUIDs())
    if not found:
        raise DataError(f"The folder {folder} holds no DICOM series that can be read.")
    if series is not None:
        if series not in found:
            raise DataError(f"The folder {folder} holds no series {series}: choose from {', '.join(found)}.")
        return series
    if len(found) > 1:
        raise DataError(f"The folder {folder} holds {len(found)} series: choose one by its UID, of {', '.join(found)}.")
    return found[0]


def series_files(folder: str, series: str) -> list[str]:
    """The files of a series in the order of their positions."""
    names = itk.GDCMSeriesFileNames.New()
    names.SetUseSeriesDetails(False)
    names.SetDirectory(folder)
    return list(names.GetFileNames(series))


def check_spacing(files: Sequence[str]) -> None:
    """Refuse a series whose slices do not follow each other at one distance.

    Args:
        files: the slices in the order of their positions.

    Raises:
        DataError: slices are missing, twice there, or unevenly spaced; a volume of them would be distorted.
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
    header = itk.GDCMImageIO.New()
    header.SetFileName(file)
    header.ReadImageInformation()
    return [header.GetOrigin(axis) for axis in range(3)]
