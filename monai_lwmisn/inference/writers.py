"""Writers of masks that leave either a whole file or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from monai.data import ITKWriter, NibabelWriter, PILWriter


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


class NiftiMaskWriter(_WholeFile, NibabelWriter):
    """Writes .nii and .nii.gz, volumes of one slice too as volumes."""

    def set_data_array(self, data_array: Any, *args: Any, **kwargs: Any) -> None:
        """Take a label map (1, x, y, z)."""
        super().set_data_array(data_array, channel_dim=0, squeeze_end_dims=False)
        self.data_obj = self.data_obj[..., 0]


class VolumeMaskWriter(_WholeFile, ITKWriter):
    """Writes .nrrd, .mha and other formats of ITK."""


class PictureMaskWriter(_WholeFile, PILWriter):
    """Writes .png."""
