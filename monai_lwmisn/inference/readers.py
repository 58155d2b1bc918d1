"""MONAI's image readers around the cores that read files, one for a kind of file.

They are named in configurations: ``LoadImaged("image", reader=VolumeReader(), ensure_channel_first=True)``. All give
arrays with x first, and the same files to training, evaluation and segmentation.

Each ``read`` returns the paths, and ``get_data`` reads the files: where ``read`` fails, MONAI's LoadImage tries other
readers and hides the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from monai.data import ImageReader
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple

from monai_lwmisn.inference.labels import read_label
from monai_lwmisn.light.channel_files import with_other_channels
from monai_lwmisn.light.pictures import PICTURE_SUFFIXES, decode_pictures
from monai_lwmisn.light.volumes import read_channels, read_with_other_channels

__all__ = ["LabelReader", "PictureReader", "VolumeReader", "image_reader", "picture_metadata", "volume_metadata"]


class _Reader(ImageReader):
    """Takes any path; what cannot be read raises a DataError that says so."""

    def verify_suffix(self, filename: Any) -> bool:
        """Return whether the reader takes the file."""
        return True

    def read(self, data: Any, **kwargs: Any) -> tuple[str, ...]:
        """The paths themselves."""
        return tuple(str(name) for name in ensure_tuple(data))


class VolumeReader(_Reader):
    """Reads one volume with its geometry, see :func:`monai_lwmisn.light.volumes.read_channels`.

    Args:
        series: the UID of the DICOM series to read from a folder that holds several.
        in_channels: the channels that the network takes. Where a file has one, the others are read from the files
            beside it, see :func:`monai_lwmisn.light.channel_files.with_other_channels`.
    """

    def __init__(self, series: str | None = None, in_channels: int | None = None) -> None:
        super().__init__()
        self.series, self.in_channels = series, in_channels or 1

    def get_data(self, img: tuple[str, ...]) -> tuple[np.ndarray, dict]:
        """The voxels (x, y, z[, channel]) and their metadata."""
        if len(img) == 1:
            voxels, affine = read_with_other_channels(img[0], self.in_channels, self.series)
        else:
            voxels, affine = read_channels(img, self.series)
        return voxels, volume_metadata(voxels, affine)


class PictureReader(_Reader):
    """Reads PNG, TIFF, JPEG or BMP, on disk or in a zip, as three channels from 0 to 255.

    See :func:`monai_lwmisn.light.pictures.decode_picture`. The channels of several pictures are stacked.

    Args:
        in_channels: the channels that the network takes. Where they are more than three, the others are read from the
            files beside a picture, see :func:`monai_lwmisn.light.channel_files.with_other_channels`.
    """

    def __init__(self, in_channels: int | None = None) -> None:
        super().__init__()
        self.files = (in_channels or 3) // 3

    def get_data(self, img: tuple[str, ...]) -> tuple[np.ndarray, dict]:
        """The picture (x, y, channel) and its metadata.

        Raises:
            DataError: a file is no readable picture, or the pictures of a list differ in size.
        """
        values = decode_pictures(with_other_channels(img[0], self.files) if len(img) == 1 else img).swapaxes(0, 1)
        return values, picture_metadata(values)


class LabelReader(_Reader):
    """Reads the label of an image, whatever its kind, see :func:`monai_lwmisn.inference.labels.read_label`.

    Args:
        label_names: the names of the classes by value as text. Of a single class, every value of a picture but 0 is the
            class 1; otherwise values stay.
        instances: number the objects 1, 2, ... instead.
        label_colours: the class of each colour of pictures in colour.
    """

    def __init__(
        self,
        label_names: Mapping[str, str] | None = None,
        instances: bool = False,
        label_colours: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.classes, self.instances, self.colours = (
            [int(value) for value in label_names or ()],
            instances,
            label_colours,
        )

    def get_data(self, img: tuple[str, ...]) -> tuple[np.ndarray, dict]:
        """The label (x, y) or (x, y, z) and its metadata, with an affine where the label is a volume."""
        label, affine = read_label(img, self.classes, self.instances, self.colours)
        if affine is not None:
            return label, volume_metadata(label, affine)
        return label, {
            MetaKeys.SPATIAL_SHAPE: np.asarray(label.shape),
            MetaKeys.ORIGINAL_CHANNEL_DIM: float("nan"),
        }


def image_reader(path: str) -> ImageReader:
    """The reader of an image, by the ending of its name."""
    return PictureReader() if path.lower().endswith(PICTURE_SUFFIXES) else VolumeReader()


def volume_metadata(voxels: np.ndarray, affine: np.ndarray) -> dict[str, Any]:
    """MONAI's metadata of voxels (x, y, z[, channel]) with their affine."""
    return {
        MetaKeys.AFFINE: affine.copy(),
        MetaKeys.ORIGINAL_AFFINE: affine.copy(),
        MetaKeys.SPACE: SpaceKeys.RAS,
        MetaKeys.SPATIAL_SHAPE: np.asarray(voxels.shape[:3]),
        MetaKeys.ORIGINAL_CHANNEL_DIM: float("nan") if voxels.ndim == 3 else -1,
    }


def picture_metadata(picture: np.ndarray) -> dict[str, Any]:
    """MONAI's metadata of a picture (x, y, channel)."""
    return {MetaKeys.SPATIAL_SHAPE: np.asarray(picture.shape[:2]), MetaKeys.ORIGINAL_CHANNEL_DIM: -1}
