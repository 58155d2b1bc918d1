"""One reader for every kind of volume, so that a bundle's configuration needs no list of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from monai.data import ImageReader, ITKReader, NibabelReader
from monai.utils import ensure_tuple, optional_import

from scripts.errors import DataError
from scripts.inference.dicom import check_spacing, choose_series, series_files

itk, _ = optional_import("itk")


class VolumeReader(ImageReader):
    """Reads one volume with its geometry: NIfTI by nibabel; NRRD, MetaImage and DICOM series by ITK.

    Args:
        series: UID of the DICOM series to read from a folder that holds several.

    Raises:
        DataError: the file is none of these or damaged, a folder leaves a choice between series, or slices are
            not evenly spaced.
    """

    def __init__(self, series: str | None = None) -> None:
        super().__init__()
        self.series = series

    def verify_suffix(self, filename: Any) -> bool:
        """Any path is tried; what cannot be read says so."""
        return True

    def read(self, data: Any, **kwargs: Any) -> str:
        """The path itself.

        Where reading fails, MONAI's LoadImage tries its other readers, which would take a folder of two series for one
        volume, or slices that are missing for none. So a volume is opened by :meth:`get_data`, whose errors it leaves.
        """
        return str(ensure_tuple(data)[0])

    def get_data(self, img: str) -> tuple[np.ndarray, dict]:
        """The voxels (x, y, z) and, where there are several, channels of the volume at a path, and its metadata."""
        try:
            voxels, meta = _load(Path(img), self.series)
        except DataError:
            raise
        except Exception as error:  # every library raises its own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise DataError(f"The volume {img} cannot be read ({reason}): repair or remove it.") from error
        if voxels.dtype.names:
            raise DataError(f"The volume {img} has colours instead of values: convert it to grey.")
        extent = tuple(int(length) for length in meta["spatial_shape"])
        if min(extent, default=0) < 1:
            raise DataError(f"The volume {img} has the extent {'x'.join(map(str, extent))}: there is no voxel.")
        if len(extent) != 3:
            raise DataError(f"{img} has {len(extent)} axes instead of 3: save it as a volume, of one slice if need be.")
        return voxels, meta


def _load(path: Path, series: str | None) -> tuple[np.ndarray, dict]:
    if path.is_dir():
        files = series_files(str(path), choose_series(str(path), series))
        check_spacing(files)
        return ITKReader().get_data(itk.imread(files if len(files) > 1 else files[0]))
    reader: ImageReader = NibabelReader() if path.name.lower().endswith((".nii", ".nii.gz")) else ITKReader()
    return reader.get_data(reader.read(str(path)))
