"""One reader for every kind of volume, so that a bundle's configuration needs no list of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from monai.data import ImageReader, ITKReader, NibabelReader
from monai.utils import ensure_tuple

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.dicom import check_spacing, choose_series, series_files


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
        self._reader: ImageReader = NibabelReader()
        self._path = ""

    def verify_suffix(self, filename: Any) -> bool:
        """Any path is tried; what cannot be read says so."""
        return True

    def read(self, data: Any, **kwargs: Any) -> Any:
        """Open a file or a folder."""
        self._path = str(ensure_tuple(data)[0])
        self._reader = self._reader_of(Path(self._path))
        return self._try(self._reader.read, self._path, **kwargs)

    def get_data(self, img: Any) -> tuple[np.ndarray, dict]:
        """The voxels (x, y, z) or, of a colour volume, with their channels, and the metadata."""
        voxels, meta = self._try(self._reader.get_data, img)
        extent = tuple(int(length) for length in meta["spatial_shape"])
        if min(extent, default=0) < 1 or len(extent) < 2:
            raise DataError(f"The volume {self._path} has the extent {'x'.join(map(str, extent))}: there is no voxel.")
        return voxels, meta

    def _reader_of(self, path: Path) -> ImageReader:
        if path.is_dir():
            uid = choose_series(str(path), self.series)
            check_spacing(series_files(str(path), uid))
            return ITKReader(series_name=uid)
        return NibabelReader() if path.name.lower().endswith((".nii", ".nii.gz")) else ITKReader()

    def _try(self, action: Any, *arguments: Any, **keywords: Any) -> Any:
        try:
            return action(*arguments, **keywords)
        except DataError:
            raise
        except Exception as error:  # every library raises its own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise DataError(f"The volume {self._path} cannot be read ({reason}): repair or remove it.") from error
