"""Writes masks as DICOM Segmentation objects (PS3.3, A.51), which refer to the slices they belong to.

Needs pydicom and highdicom, neither torch nor MONAI.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from monai_lwmisn import __version__
from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.inference.dicom import series_files

__all__ = ["check_installed", "write_dicom_segmentation"]


def check_installed() -> None:
    """Raise ConfigError where highdicom is not installed."""
    if find_spec("highdicom") is None:
        raise ConfigError(
            "DICOM Segmentations are written by highdicom, which is not installed: pip install highdicom."
        )


def write_dicom_segmentation(
    path: Path,
    labels: np.ndarray,
    affine: np.ndarray,
    folder: str | os.PathLike[str],
    label_names: Mapping[str, str],
    series: str | None = None,
    model_name: str = "LWMISN",
) -> None:
    """Write a label map as a DICOM Segmentation of the series it was made of.

    Args:
        path: the file to write.
        labels: (x, y, z) on the grid of the series, uint8.
        affine: (4, 4), from x, y, z to millimetres towards right, anterior and superior.
        folder: of the series.
        label_names: the names of the values, by value as text.
        series: the UID of the series in its folder; needed where there are several.
        model_name: the bundle, named in the file as what made the segmentation.

    Raises:
        DataError: ``folder`` is no folder of a series, or the series lacks what the standard demands.
    """
    import highdicom
    import pydicom

    if not Path(folder).is_dir():
        raise DataError(f"{folder} is no folder of a DICOM series, which dicom-seg needs: use another format.")
    slices = [pydicom.dcmread(file, stop_before_pixels=True) for file in series_files(str(folder), series)]
    _check_positions(folder, slices, affine)
    # Frames are rows by columns, one for each slice.
    frames = np.ascontiguousarray(labels.astype(np.uint8).transpose(2, 1, 0))
    try:
        segmentation = highdicom.seg.Segmentation(
            source_images=slices,
            pixel_array=frames,
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=_descriptions(label_names, model_name),
            series_instance_uid=highdicom.UID(),
            series_number=1000,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="monai_lwmisn",
            manufacturer_model_name=model_name,
            software_versions=__version__,
            device_serial_number="0",
            series_description=f"Segmentation by {model_name}",
            content_label="SEGMENTATION",
        )
    except (AttributeError, KeyError, ValueError) as error:
        raise DataError(
            f"The series in {folder} lacks what a DICOM Segmentation needs ({error}): use another format."
        ) from error
    segmentation.save_as(path)


def _descriptions(label_names: Mapping[str, str], model_name: str) -> list[Any]:
    import highdicom
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=model_name, version=__version__, family=codes.DCM.ArtificialIntelligence
    )
    return [
        highdicom.seg.SegmentDescription(
            segment_number=int(value),
            segment_label=name,
            segmented_property_category=codes.SCT.AnatomicalStructure,
            # Names that are no single term of SNOMED are tissue of some kind; the label says which.
            segmented_property_type=getattr(codes.SCT, name.title().replace(" ", ""), codes.SCT.Tissue),
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
        )
        for value, name in sorted(label_names.items(), key=lambda item: int(item[0]))
    ]


def _check_positions(folder: str | os.PathLike[str], slices: list[Any], affine: np.ndarray) -> None:
    """Refuse a volume whose planes are not its slices in order: a mask on the wrong slice looks plausible."""
    planes = np.array([affine @ [0, 0, z, 1] for z in range(len(slices))])[:, :3] * [-1, -1, 1]  # RAS to LPS
    positions = np.array([header.ImagePositionPatient for header in slices], dtype=float)
    # Distances may differ a little, within what the reader allows: the nearest slice must be the right one.
    distances = np.linalg.norm(planes[:, None] - positions[None], axis=-1)
    if (distances.argmin(axis=1) != np.arange(len(slices))).any():
        raise DataError(f"The slices in {folder} are not where their volume has them: use another format.")
