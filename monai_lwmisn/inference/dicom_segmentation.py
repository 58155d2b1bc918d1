"""Masks as DICOM Segmentation objects (PS3.3, A.51), which refer to the slices they belong to."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import FolderLayoutBase
from monai.transforms import MapTransform
from monai.utils import optional_import

from monai_lwmisn import __version__
from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.inference.dicom import choose_series, series_files

highdicom, HAS_HIGHDICOM = optional_import("highdicom")
pydicom, _ = optional_import("pydicom")
codes, _ = optional_import("pydicom.sr.codedict", name="codes")

__all__ = ["SaveDicomSegmentationd"]


class SaveDicomSegmentationd(MapTransform):
    """Write a label map as a DICOM Segmentation of the series it was read from.

    Args:
        keys: label maps (1, x, y, z) on the grid of their series, with metadata.
        layout: gives the file for a series.
        label_names: what the values of the map are, by value as text.
        series: UID of the series in its folder; needed where there are several.
        model_name: the bundle, said in the file to be what made the segmentation.
        allow_missing_keys: whether a missing key is passed over.

    Raises:
        ConfigError: highdicom is not installed.
        DataError: the map was not read from the folder of a series, or the series lacks what the standard demands.
    """

    def __init__(
        self,
        keys: KeysCollection,
        layout: FolderLayoutBase,
        label_names: Mapping[str, str],
        series: str | None = None,
        model_name: str = "LWMISN",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if not HAS_HIGHDICOM:
            raise ConfigError(
                "DICOM Segmentations are written by highdicom, which is not installed: pip install highdicom."
            )
        self.layout, self.label_names, self.series, self.model_name = layout, label_names, series, model_name

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the files and return the dictionary as it is."""
        for key in self.key_iterator(dict(data)):
            folder = data[key].meta["filename_or_obj"]
            if not Path(folder).is_dir():
                raise DataError(f"{folder} is no folder of a DICOM series, which dicom-seg needs: use another format.")
            self._write(folder, data[key])
        return dict(data)

    def _write(self, folder: str, mask: Any) -> None:
        files = series_files(folder, choose_series(folder, self.series))
        slices = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
        _check_positions(folder, slices, np.asarray(mask.affine))
        # Frames are rows by columns, one for each slice.
        frames = np.asarray(mask)[0].astype(np.uint8).transpose(2, 1, 0)
        try:
            segmentation = highdicom.seg.Segmentation(
                source_images=slices,
                pixel_array=np.ascontiguousarray(frames),
                segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
                segment_descriptions=self._descriptions(),
                series_instance_uid=highdicom.UID(),
                series_number=1000,
                sop_instance_uid=highdicom.UID(),
                instance_number=1,
                manufacturer="monai_lwmisn",
                manufacturer_model_name=self.model_name,
                software_versions=__version__,
                device_serial_number="0",
                series_description=f"Segmentation by {self.model_name}",
                content_label="SEGMENTATION",
            )
        except (AttributeError, KeyError, ValueError) as error:
            raise DataError(
                f"The series in {folder} lacks what a DICOM Segmentation needs ({error}): use another format."
            ) from error
        segmentation.save_as(self.layout.filename(subject=folder))

    def _descriptions(self) -> list[Any]:
        algorithm = highdicom.AlgorithmIdentificationSequence(
            name=self.model_name, version=__version__, family=codes.DCM.ArtificialIntelligence
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
            for value, name in sorted(self.label_names.items(), key=lambda item: int(item[0]))
        ]


def _check_positions(folder: str, slices: list[Any], affine: np.ndarray) -> None:
    """Make sure that plane z of a volume is the z-th slice: a mask on the wrong slice looks plausible."""
    planes = np.array([affine @ [0, 0, z, 1] for z in range(len(slices))])[:, :3] * [-1, -1, 1]  # RAS to LPS
    positions = np.array([header.ImagePositionPatient for header in slices], dtype=float)
    # Distances may differ a little, within what the reader allows: the nearest slice must be the right one.
    distances = np.linalg.norm(planes[:, None] - positions[None], axis=-1)
    if (distances.argmin(axis=1) != np.arange(len(slices))).any():
        raise DataError(f"The slices in {folder} are not where their volume has them: use another format.")
