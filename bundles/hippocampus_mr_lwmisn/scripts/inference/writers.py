"""Writers of masks that leave either a whole file or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from monai.data import ImageWriter, ITKWriter, NibabelWriter, PILWriter

from scripts.errors import ConfigError


class _WholeFile:
    """Writes beside the final place and moves there when done."""

    def write(self, filename: str | os.PathLike[str], verbose: bool = False, **kwargs: Any) -> None:
        """Write the file."""
        final = Path(filename)
        # The ending says the format, so it must stay at the end.
        partial = final.with_name(f".partial.{final.name}")
        try:
            super().write(str(partial), verbose=verbose, **kwargs)  # type: ignore[misc]
            partial.replace(final)
        finally:
            partial.unlink(missing_ok=True)


class _Volume:
    """Keeps three axes, where MONAI drops the last of a volume of one slice."""

    data_obj: Any
    channel_dim: Any

    def set_data_array(self, data_array: Any, *args: Any, **kwargs: Any) -> None:
        """Take a label map (1, x, y, z)."""
        super().set_data_array(data_array, channel_dim=0, squeeze_end_dims=False)  # type: ignore[misc]
        self.data_obj = self.data_obj[..., 0]
        self.channel_dim = None


class NiftiMaskWriter(_WholeFile, _Volume, NibabelWriter):
    """Writes .nii and .nii.gz."""


class VolumeMaskWriter(_WholeFile, _Volume, ITKWriter):
    """Writes .nrrd, .mha and other formats of ITK, compressed."""

    def write(self, filename: str | os.PathLike[str], verbose: bool = False, **kwargs: Any) -> None:
        """Write the file."""
        super().write(filename, verbose=verbose, compression=True, **kwargs)


class PictureMaskWriter(_WholeFile, PILWriter):
    """Writes .png, of 8 or 16 bits a pixel; pictures of one row or column too."""

    def set_data_array(self, data_array: Any, *args: Any, **kwargs: Any) -> None:
        """Take a label map (1, x, y)."""
        super().set_data_array(data_array, channel_dim=0, squeeze_end_dims=False)
        self.data_obj = self.data_obj[..., 0]


WRITERS: dict[str, type[ImageWriter]] = {
    ".nii.gz": NiftiMaskWriter,
    ".nii": NiftiMaskWriter,
    ".nrrd": VolumeMaskWriter,
    ".mha": VolumeMaskWriter,
    ".png": PictureMaskWriter,
}
"""By the ending of the file."""


def mask_writer(extension: str) -> type[ImageWriter]:
    """The writer for a mask file's ending, such as ``.nii.gz``.

    Raises:
        ConfigError: masks are not written in that format.
    """
    if extension not in WRITERS:
        raise ConfigError(f"Masks are not written as {extension!r}: use one of {', '.join(WRITERS)}.")
    return WRITERS[extension]
