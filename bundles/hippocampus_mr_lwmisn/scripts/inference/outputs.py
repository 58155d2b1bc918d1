"""Where masks are written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from monai.data import FolderLayoutBase

from scripts.inference.inputs import output_name, output_names

__all__ = ["MaskLayout"]


class MaskLayout(FolderLayoutBase):
    """One folder for the masks of all inputs: ``OUTPUT_DIR/NAME_POSTFIX.EXTENSION``.

    MONAI's own layout lets inputs of one name in different folders overwrite each other's masks, and takes the last
    number of a DICOM UID for an ending.

    Args:
        output_dir: the folder; it is made.
        datalist: the inputs, of which each gets a name of its own, see :func:`output_names`.
        postfix: what is saved, such as ``seg``.
        extension: the format, such as ``.nii.gz``.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        datalist: Iterable[Mapping[str, Any]],
        postfix: str,
        extension: str,
    ) -> None:
        self.output_dir, self.postfix, self.extension = Path(output_dir), postfix, extension
        self.datalist = datalist

    @cached_property
    def names(self) -> dict[str, str]:
        """Of the inputs, by path; needed for the first mask, not before."""
        return output_names(item["image"] for item in self.datalist)

    def filename(self, subject: str | os.PathLike[str] = "subject", **kwargs: Any) -> Path:
        """
        The file for the mask of ``subject``, the path of an input.

        Raises:
            DataError: when two inputs cannot have different names.
        """
        self.output_dir.mkdir(parents=True, exist_ok=True)
        name = self.names.get(str(subject)) or output_name(subject)
        return self.output_dir / f"{name}_{self.postfix}{self.extension}"
