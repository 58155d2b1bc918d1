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

from . import __version__
from .dicom import find_grid
from .dicom_grid import Grid
from .errors import ConfigError, DataError, reason_of
from .mask_marks import mark_of

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
    source: str | os.PathLike[str],
    label_names: Mapping[str, str],
    series: str | None = None,
    model_name: str = "LWMISN",
) -> None:
    """Write a label map as a DICOM Segmentation of the series it was made of.

    Args:
        path: the file to write.
        labels: (x, y, z) on the grid of the series, uint8.
        affine: (4, 4), from x, y, z to millimetres towards right, anterior and superior.
        source: the folder of the series, or its multi-frame file.
        label_names: the names of the values, by value as text.
        series: the UID of the series in its folder; needed where there are several.
        model_name: the bundle, named in the file as what made the segmentation.

    Raises:
        DataError: ``source`` is no DICOM series, or lacks what the standard demands.
    """
    import highdicom

    grid = find_grid(source, series)
    sources, frames = _frames(source, grid, labels, affine)
    try:
        segmentation = highdicom.seg.Segmentation(
            source_images=sources,
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
            omit_empty_frames=bool(frames.any()),  # highdicom prints that it cannot omit all
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{source} lacks what a DICOM Segmentation needs ({_lacking(error)}): use another format."
        ) from error
    mark = mark_of(np.frombuffer(segmentation.PixelData, np.uint8))
    segmentation.SoftwareVersions = [__version__, mark]  # type: ignore[assignment]
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


def _frames(
    source: str | os.PathLike[str], grid: Grid, labels: np.ndarray, affine: np.ndarray
) -> tuple[list[Any], np.ndarray]:
    """The headers to refer to, and the masks (frame, row, column) in their order: that of frames in a file.

    A volume whose planes are not the slices in order is refused: a mask on the wrong slice looks plausible.
    """
    planes, headers = grid.planes, list({plane.file: plane.header for plane in grid.planes}.values())
    if labels.shape[2] != len(planes) or not np.allclose(affine, grid.affine, atol=1e-3):
        raise DataError(f"The slices of {source} are not where their volume has them: use another format.")
    masks = labels.astype(np.uint8).transpose(2, 1, 0)
    if planes[0].frame is None:
        return headers, np.ascontiguousarray(masks)
    if len(headers) > 1:
        raise DataError(f"{source} has its frames in {len(headers)} files: use another format than dicom-seg.")
    return headers, np.ascontiguousarray(masks[np.argsort([plane.frame or 0 for plane in planes])])


def _lacking(error: Exception) -> str:
    """What is missing, in words without names of the library's classes."""
    keyword = getattr(error, "name", None) or str(error).strip("'\"")
    return f"no {keyword}" if isinstance(error, (AttributeError, KeyError)) else reason_of(error)
