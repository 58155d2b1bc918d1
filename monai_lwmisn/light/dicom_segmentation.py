"""Makes DICOM Segmentation objects (PS3.3, A.51) of masks, which refer to the slices they belong to.

Needs pydicom and highdicom, neither torch nor MONAI.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .colours import class_colour
from .dicom import find_grid
from .dicom_grid import Grid
from .dicom_references import referenced_headers
from .errors import DataError
from .mask_marks import mark_of, source_of

MANUFACTURER = "monai_lwmisn"

_CATEGORIES = {
    "cid7192": "AnatomicalStructure",
    "cid7194": "MorphologicallyAbnormalStructure",
    "cid7191": "Tissue",
    "cid7197": "BodySubstance",
}
"""The lists of the standard (PS3.16) that the name of a class is looked up in, and the category of what is there."""

__all__ = ["MANUFACTURER", "Maker", "dicom_segmentation", "save_dicom", "short_text"]


@dataclass(frozen=True)
class Maker:
    """What made a mask, as DICOM objects name it.

    Args:
        name: of the bundle.
        version: of the bundle.
    """

    name: str = "LWMISN"
    version: str = "unknown"


def dicom_segmentation(
    labels: np.ndarray,
    affine: np.ndarray,
    source: str | os.PathLike[str],
    label_names: Mapping[str, str],
    series: str | None = None,
    maker: Maker | None = None,
) -> Any:
    """Return a label map as a DICOM Segmentation of the series it was made of: highdicom's dataset.

    Args:
        labels: (x, y, z) on the grid of the series, uint8.
        affine: (4, 4), from x, y, z to millimetres towards right, anterior and superior.
        source: the folder of the series, or its multi-frame file.
        label_names: the names of the values, by value as text: 1, 2, ... without gaps.
        series: the UID of the series in its folder; needed where there are several.
        maker: the bundle.

    Raises:
        DataError: ``source`` is no DICOM series, or lacks what the standard demands.
    """
    import highdicom

    maker = maker or Maker()
    grid = find_grid(source, series)
    frames = _frames(source, grid, labels, affine)
    headers = referenced_headers(source, grid)
    # Names of classes may have letters that the character set of the series has not.
    is_plain = all(map(str.isascii, (maker.name, *label_names.values())))
    letters: dict[str, Any] = {} if is_plain else {"specific_character_set": "ISO_IR 192"}
    with _in_words(source):
        segmentation = highdicom.seg.Segmentation(
            source_images=headers,
            pixel_array=frames,
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=_descriptions(label_names, maker),
            series_instance_uid=highdicom.UID(),
            series_number=1000,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=short_text(maker.name),
            software_versions=__version__,
            device_serial_number="0",
            series_description=short_text(f"Segmentation by {maker.name}"),
            content_label="SEGMENTATION",
            omit_empty_frames=bool(frames.any()),  # highdicom prints that it cannot omit all
            **letters,
        )
    mark = mark_of(np.frombuffer(segmentation.PixelData, np.uint8), source_of(source, series))
    segmentation.SoftwareVersions = [__version__, mark]  # type: ignore[assignment]
    return segmentation


def save_dicom(path: Path, dataset: Any) -> None:
    """Write a DICOM object.

    Raises:
        DataError: it has a value that cannot be written.
        OSError: the file cannot be written.
    """
    with _in_words(path.name):
        dataset.save_as(path)


def short_text(text: str) -> str:
    """Return a text as DICOM's long string: of 64 characters at most, without what separates values."""
    return text.replace("\\", "/")[:64].strip()


@contextmanager
def _in_words(subject: object) -> Iterator[None]:
    """Make one sentence of what highdicom and pydicom raise, whose messages are for programmers."""
    try:
        yield
    except (DataError, OSError, MemoryError):
        raise
    except Exception as error:
        raise DataError(
            f"{subject} has tags that a DICOM Segmentation cannot be made of: write the mask in another format."
        ) from error


def _descriptions(label_names: Mapping[str, str], maker: Maker) -> list[Any]:
    import highdicom
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=short_text(maker.name), version=short_text(maker.version), family=codes.DCM.ArtificialIntelligence
    )
    descriptions = []
    for value, name in sorted(label_names.items(), key=lambda item: int(item[0])):
        category, kind = _codes(name)
        descriptions.append(
            highdicom.seg.SegmentDescription(
                segment_number=int(value),
                segment_label=short_text(name),
                segmented_property_category=category,
                segmented_property_type=kind,
                algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
                algorithm_identification=algorithm,
                tracking_uid=highdicom.UID(),
                tracking_id=short_text(name),
                display_color=highdicom.color.CIELabColor.from_string(class_colour(int(value))),
            )
        )
    return descriptions


def _codes(name: str) -> tuple[Any, Any]:
    """The codes of SNOMED for what a class is, and for its category; tissue where the standard has no such term."""
    from pydicom.sr.codedict import codes

    keyword = name.title().replace(" ", "")
    for kinds, category in _CATEGORIES.items():
        for one in (keyword, keyword.removesuffix("s")):
            kind = getattr(getattr(codes, kinds), one, None)
            if kind is not None:
                return getattr(codes.SCT, category), kind
    return codes.SCT.Tissue, codes.SCT.Tissue


def _frames(source: str | os.PathLike[str], grid: Grid, labels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The masks (frame, row, column) in the order of the slices, or of the frames in a file.

    A volume whose planes are not the slices in order is refused: a mask on the wrong slice looks plausible.
    """
    planes = grid.planes
    if labels.shape[2] != len(planes) or not np.allclose(affine, grid.affine, atol=1e-3):
        raise DataError(f"The slices of {source} are not where their volume has them: use another format.")
    masks = labels.astype(np.uint8).transpose(2, 1, 0)
    return np.ascontiguousarray(masks[np.argsort([plane.frame or 0 for plane in planes], kind="stable")])
