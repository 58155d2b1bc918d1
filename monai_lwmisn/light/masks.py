"""Gives each input its own mask files in one folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .dicom_report import measurement_report, volumes_ml
from .dicom_segmentation import Maker, dicom_segmentation, save_dicom
from .errors import ConfigError, DataError
from .inputs import output_name, output_names
from .libraries import check_installed
from .mask_marks import own_source, source_of
from .writers import EXTENSIONS, ITK_EXTENSIONS, Write, mask_writer, write_files

DICOM_EXTENSION = ".dcm"
"""Extension of DICOM Segmentations, which are written for DICOM only."""

BESIDE = ("overlay.png", "instances.png", "instances.tif", f"report{DICOM_EXTENSION}")
"""The ends of the names of what may lie beside a mask."""

MOST_OF_PNG = int(np.iinfo(np.uint16).max)
"""The most objects that a PNG can number."""

__all__ = ["DICOM_EXTENSION", "MaskFolder", "Prediction"]


@dataclass(frozen=True)
class Prediction:
    """The result of a network for one image.

    Args:
        labels: the classes, 0 is background: (x, y, z) of a volume, (height, width) of a picture, uint8.
        instances: the numbered objects of a picture (height, width), int32, where the bundle tells objects apart.
        affine: (4, 4) of a volume, from x, y, z to millimetres towards right, anterior and superior.
        warnings: what the owner of the image should know, as sentences.
        quality: an estimate from 0 to 1 of how good the mask is, where it was asked for.
    """

    labels: np.ndarray
    instances: np.ndarray | None = None
    affine: np.ndarray | None = None
    warnings: tuple[str, ...] = ()
    quality: float | None = None


class MaskFolder:
    """The folder for the masks of all inputs: ``OUTPUT_DIR/NAME_seg.EXTENSION``, and ``NAME_instances.png``.

    An overlay is ``NAME_overlay.png``, and a structured report ``NAME_report.dcm``.

    More than 65535 objects, which a PNG cannot number, are written to ``NAME_instances.tif``.

    Args:
        output_dir: the folder; it is made when the first mask is written.
        datalist: the inputs as ``{"image": path}``. Each gets a name of its own, see :func:`output_names`.
        label_names: the names of the classes by value as text. A single class is written in white to pictures.
        extension: the format, one of :data:`EXTENSIONS` or ``.dcm``. None for .nii.gz, or .png of pictures.
        volumetric: the inputs are volumes, otherwise pictures.
        series: the UID of the DICOM series in folders that hold several.
        structured_report: also write a DICOM structured report of the volumes; of DICOM Segmentations only.

    Attributes:
        maker: the bundle, named in DICOM objects.

    Raises:
        ConfigError: masks of such inputs are not written in that format, or a library that writes it is missing.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        datalist: Iterable[Mapping[str, Any]],
        label_names: Mapping[str, str],
        extension: str | None = None,
        volumetric: bool = False,
        series: str | None = None,
        structured_report: bool = False,
    ) -> None:
        of_volumes = (*(name for name in EXTENSIONS if name != ".png"), DICOM_EXTENSION)
        allowed = of_volumes if volumetric else (".png",)
        self.extension = extension or allowed[0]
        if self.extension not in allowed:
            raise ConfigError(f"Masks are not written as {extension!r} here: use {', '.join(allowed)}.")
        if self.extension == DICOM_EXTENSION:
            check_installed("highdicom", "A DICOM Segmentation")
        if self.extension in ITK_EXTENSIONS:
            check_installed("itk", f"A mask as {self.extension}")
        self.output_dir, self.datalist, self.label_names = Path(output_dir), datalist, dict(label_names)
        self.series, self.structured_report, self.maker = series, structured_report, Maker()

    @cached_property
    def names(self) -> tuple[dict[str, str], dict[str, str]]:
        """See :func:`output_names`. They are found for the first mask, since a server has no inputs."""
        return output_names(item["image"] for item in self.datalist)

    def base(self, image: str | os.PathLike[str], number: int = 1) -> Path:
        """Return the beginning of the names of the masks of an input, in the folder.

        Args:
            image: the path of the input.
            number: from 2 on, it is behind the name of the input.

        Raises:
            DataError: the input can have no name of its own.
        """
        names, clashes = self.names
        if str(image) in clashes:
            raise DataError(clashes[str(image)])
        name = self.output_dir / (names.get(str(image)) or output_name(image))
        return name if number == 1 else name.with_name(f"{name.name}_{number}")

    def files(
        self,
        image: str | os.PathLike[str],
        prediction: Prediction,
        overlay: np.ndarray | None = None,
        number: int = 1,
    ) -> dict[Path, Write]:
        """Return the functions that write the masks of an input, by path in alphabetical order.

        Args:
            image: the path of the input.
            prediction: what was found in it.
            overlay: a picture (height, width, 3) of it, uint8.
            number: from 2 on, it is behind the name of the input: ``NAME_2_seg.EXTENSION``.

        Raises:
            DataError: the input can have no name of its own.
        """
        name, source = self.base(image, number), source_of(image, self.series)
        written: dict[Path, Write] = {}
        if overlay is not None:
            written[name.with_name(f"{name.name}_overlay.png")] = mask_writer(".png", overlay, source=source)
        seg = name.with_name(f"{name.name}_seg{self.extension}")
        if self.extension == DICOM_EXTENSION:
            report = name.with_name(f"{name.name}_report{self.extension}") if self.structured_report else None
            return dict(sorted((written | self._dicom_files(image, prediction, seg, report)).items()))
        white = np.uint8(255 if self.extension == ".png" and len(self.label_names) == 1 else 1)
        written[seg] = mask_writer(self.extension, prediction.labels * white, prediction.affine, source)
        if prediction.instances is not None:
            few = prediction.instances.max(initial=0) <= MOST_OF_PNG
            numbers, extension = prediction.instances.astype(np.uint16 if few else np.uint32), ".png" if few else ".tif"
            path = name.with_name(f"{name.name}_instances{extension}")
            written[path] = mask_writer(extension, numbers, source=source)
        return dict(sorted(written.items()))

    def outdated(self, image: str | os.PathLike[str], files: Collection[Path]) -> list[Path]:
        """Return what an earlier call wrote beside a mask that will be replaced, and this call does not write anew.

        Args:
            image: the path of the input.
            files: the files of this call, before they are written.
        """
        name, source = self.base(image), source_of(image, self.series)
        seg = name.with_name(f"{name.name}_seg{self.extension}")
        if seg not in files or not seg.exists():
            return []
        beside = [name.with_name(f"{name.name}_{ending}") for ending in BESIDE]
        return [path for path in beside if path not in files and path.exists() and own_source(path) == source]

    def _dicom_files(
        self, image: str | os.PathLike[str], prediction: Prediction, seg: Path, report: Path | None
    ) -> dict[Path, Write]:
        labels, affine = prediction.labels, prediction.affine
        source = source_of(image, self.series)
        assert affine is not None

        @cache
        def segmentation() -> Any:  # the report refers to it
            return dicom_segmentation(labels, affine, image, self.label_names, self.series, self.maker)

        def write_report(path: Path) -> None:
            save_dicom(path, measurement_report(segmentation(), volumes_ml(labels, affine), self.maker, source))

        files: dict[Path, Write] = {seg: lambda path: save_dicom(path, segmentation())}
        return files if report is None else {**files, report: write_report}

    def write(self, image: str | os.PathLike[str], prediction: Prediction) -> tuple[Path, ...]:
        """Write the masks of an input, see :meth:`files`; all of them or none.

        Raises:
            DataError: two inputs cannot have different names, or a DICOM Segmentation cannot be made.
        """
        self.output_dir.mkdir(parents=True, exist_ok=True)
        files = self.files(image, prediction)
        write_files(files)
        return tuple(files)
