"""Segments files to files, one after the other: an input that fails gets a sentence, and the others get masks."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count, takewhile
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .dicom import looks_like_dicom
from .dicom_segmentation import Maker
from .errors import ConfigError, DataError, InputWarning, explain, reason_of
from .facts import Facts
from .files import check_is_no_file
from .inputs import find_inputs, output_names
from .large.job import LARGE_FORMATS, Options
from .large.outputs import is_own_large_mask
from .large.results import output_paths
from .large.segment import LargePicture
from .large.sources import is_large
from .libraries import check_installed
from .mask_marks import is_own_mask, own_source, source_of
from .masks import DICOM_EXTENSION, MaskFolder, Prediction
from .measures import Measures, measure
from .outcomes import Outcome
from .overlays import draw_overlay
from .pictures import stored_values
from .tables import ResultTable
from .volumes import read_volume
from .writers import Write, is_replaceable, write_files

__all__ = ["FORMATS", "Predictor", "segment_files"]

FORMATS = {"nifti": ".nii.gz", "nrrd": ".nrrd", "dicom-seg": DICOM_EXTENSION, "png": ".png"} | LARGE_FORMATS
"""The endings of mask files by the name of their format: of volumes, of pictures (png), and of large pictures."""

OF_PICTURES = ("png", *LARGE_FORMATS)


class Predictor(Protocol):
    """Segments one image after the other.

    Attributes:
        name: of the bundle.
        version: of the bundle.
        volumetric: it takes volumes, otherwise pictures.
        orientation: of volumes, as three letters, whose last axis is sliced along.
        flag_below: the estimate of quality below which somebody should look at a mask.
    """

    name: str
    version: str
    volumetric: bool
    orientation: str
    flag_below: float

    @property
    def facts(self) -> Facts:
        """What is around the network; asked for where a picture is large."""

    def part_logits(self, part: np.ndarray, statistics: np.ndarray) -> np.ndarray:
        """See :meth:`.large.job.PartPredictor.part_logits`."""

    def __call__(self, image: str | os.PathLike[str], *, quality: bool = False) -> Prediction:
        """Segment one file; ``quality`` asks for an estimate of how good the mask is."""


def segment_files(
    data: Mapping[str, Any],
    load: Callable[..., AbstractContextManager[Predictor]],
    inputs: Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    format: str | None = None,
    series: str | None = None,
    structured_report: bool = False,
    table: str | os.PathLike[str] | None = None,
    overlays: bool = False,
    flag: bool = False,
    flag_below: float | None = None,
    next_free_name: bool = False,
    plane: Mapping[str, int] | None = None,
    geojson: bool = False,
    processes: int = 1,
    started: Callable[[int], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Segment files and folders.

    A mask is in ``output`` when it is whole; an input that fails leaves none, and no input is written over, nor any
    file but masks, overlays and tables of an earlier call.

    Args:
        data: of the bundle: ``volumetric``, ``in_channels`` and ``label_names``.
        load: opens what segments, once in each process, where there is anything to segment; it is called with
            ``progress``, and sent to other processes.
        inputs: files, folders of files, and folders of a DICOM series.
        output: the folder for the masks; it is made.
        format: of the masks, see :data:`FORMATS`; None for nifti, or png of pictures. A large picture, see
            :func:`.large.sources.is_large`, is written as ome-zarr where it is that, otherwise as ome-tiff; with png
            it is taken whole.
        series: the UID of the series to take from DICOM folders that hold several.
        structured_report: also write the volume of each class as a DICOM structured report, ``NAME_report.dcm``; with
            dicom-seg.
        table: a CSV with the measures of each input and class, see :class:`Measures`; ``NAME_objects.csv`` beside it
            has those of each object where the bundle tells objects apart. It has what was segmented, also after an
            interruption.
        overlays: also draw the contours on the image, as ``NAME_overlay.png``.
        flag: also estimate how good each mask is, see :meth:`Predictor.__call__`.
        flag_below: the estimate below which somebody should look at a mask; None for that of the bundle.
        next_free_name: where another file has the name of a mask or of the table, put ``_2`` and so on behind the name
            of the input, or of the table, instead of a refusal.
        plane: of pictures, see :func:`.large.sources.open_source`; they are taken as large ones.
        geojson: also write numbered objects as GeoJSON; pictures are taken as large ones.
        processes: that work on a large picture at a time. A script of yours needs ``if __name__ == "__main__":``.
        started: called with the number of inputs before the first.
        progress: called within each input with the slices or windows done, and how many there are.
        report: called after each input.

    Returns:
        One outcome per input, in order.

    Raises:
        LWMISNError: nothing can be segmented: see ``load``; or an option does not go with the bundle or with another,
            or needs a library that is missing; or ``output`` or ``table`` cannot be written to.
    """
    place = Path(output).absolute()
    with ExitStack() as stack:
        volumetric = bool(data["volumetric"])
        large = Options(format if format in LARGE_FORMATS else None, dict(plane or {}), geojson, processes)
        takes_large = not volumetric and format != "png"
        if not takes_large and large.takes_all():
            raise ConfigError("A plane and GeoJSON are for pictures, and not for masks as png: leave one of them out.")
        _check_libraries(table is not None, overlays, large)
        _check_quality(flag, flag_below)
        format = _check_format(format or ("nifti" if volumetric else "png"), volumetric)
        if structured_report and format != "dicom-seg":
            raise ConfigError("A structured report refers to a DICOM Segmentation: give --format dicom-seg too.")
        outcomes = _find(inputs, place, data, format)
        clashes = output_names(outcome.image for outcome in outcomes if outcome.error is None)[1]
        outcomes = [replace(one, error=clashes.get(str(one.image), one.error)) for one in outcomes]
        images = [outcome.image for outcome in outcomes if outcome.error is None]
        masks = MaskFolder(
            place,
            [{"image": image} for image in images],
            data["label_names"],
            ".png" if format in LARGE_FORMATS else FORMATS[format],
            volumetric,
            series,
            structured_report,
        )
        stack.enter_context(_writable_folder(place))
        results = None if table is None else ResultTable(Path(table), next_free_name)
        if results is not None:
            stack.callback(results.write)
        if images:
            predictor = stack.enter_context(load(progress=progress))
            masks.maker = Maker(predictor.name, predictor.version)
            taken = {number: one.image for one in outcomes if (number := _identity(one.image)) is not None}
            below = (predictor.flag_below if flag_below is None else flag_below) if flag else None
            if geojson and not predictor.facts.instances:
                raise ConfigError(f"The bundle {predictor.name} does not tell objects apart: leave --geojson out.")
            by_region = LargePicture(predictor, load, large, progress) if takes_large else None
            segmenter = _Segmenter(predictor, masks, taken, results, overlays, below, next_free_name, by_region)
        if started is not None:
            started(len(outcomes))
        for index, outcome in enumerate(outcomes):
            if outcome.error is None:
                outcome = outcomes[index] = segmenter(outcome.image)
            if report is not None:
                report(outcome)
    return outcomes


def _check_libraries(table: bool, overlays: bool, large: Options) -> None:
    """Refuse at once what would fail for each input, or leave its files out."""
    wanted = {"--table": table, "--overlays": overlays, "--geojson": large.geojson}
    for option in (option for option, is_given in wanted.items() if is_given):
        check_installed("skimage", option)
    by_region = {"--geojson": large.geojson, "--plane": large.plane, f"--format {large.format}": large.format}
    for option in (option for option, is_given in by_region.items() if is_given):
        check_installed("zarr", option)


def _check_quality(flag: bool, flag_below: float | None) -> None:
    if flag_below is None:
        return
    if not 0 <= flag_below <= 1:
        raise ConfigError(f"The estimate of quality is from 0 to 1, and --flag-below is {flag_below:g}: change it.")
    if not flag:
        raise ConfigError("--flag-below has no effect without --flag: give both, or leave it out.")


def _check_format(format: str, volumetric: bool) -> str:
    of_volumes = [name for name in FORMATS if name not in OF_PICTURES]
    if volumetric and format not in of_volumes:
        raise ConfigError(f"This bundle segments volumes, not to {format}: use {', '.join(of_volumes)}.")
    if not volumetric and format not in OF_PICTURES:
        raise ConfigError(f"This bundle segments pictures, not to {format}: use {', '.join(OF_PICTURES)}.")
    return format


def _find(
    inputs: Iterable[str | os.PathLike[str]], output: Path, data: Mapping[str, Any], format: str
) -> list[Outcome]:
    """The inputs, each once. Those that cannot be segmented have their error."""
    found: dict[Path, Outcome] = {}
    for given in inputs:
        path = Path(given).absolute()
        try:
            images = [Path(item["image"]) for item in find_inputs(path, data["volumetric"], data["in_channels"])]
        except (DataError, OSError) as error:
            found[path] = Outcome(path, error=explain(error, path))
            continue
        images = [image for image in images if image == path or not _is_earlier_mask(image, path, output)]
        for image in images:
            found[image] = Outcome(image)
            if format == "dicom-seg" and not image.is_dir() and not looks_like_dicom(image):
                sentence = f"{image} is no DICOM series, which dicom-seg needs: use another format."
                found[image] = Outcome(image, error=sentence)
    return list(found.values())


def _is_earlier_mask(image: Path, folder: Path, output: Path) -> bool:
    """Return whether a file in a folder of inputs is a mask of an earlier call, or beside such masks."""
    if output not in image.parents:
        return False
    return folder != output or (
        bool(re.search(r"_(seg|instances|overlay|labels|report)\.[\w.]+$", image.name))
        and (is_own_mask(image) or is_own_large_mask(image))
    )


@contextmanager
def _writable_folder(output: Path) -> Iterator[None]:
    """Make the folder of the masks, and remove it at the end if it is empty and was not there before."""
    missing = list(takewhile(lambda folder: not folder.exists(), (output, *output.parents)))
    check_is_no_file(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise ConfigError(
            f"Masks cannot be written to {output} ({error.strerror}): give another folder, or mend its permissions."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # it holds masks
            for folder in missing:
                folder.rmdir()


@dataclass
class _Segmenter:
    """Segments one input after the other into a folder of masks.

    Args:
        predictor: the bundle.
        masks: the folder.
        taken: the files that are not written over, by device and number, with the input that each belongs to.
        results: the table of the measures; None for none.
        overlays: draw overlays.
        flag_below: see :func:`segment_files`; None to estimate no quality.
        next_free_name: see :func:`segment_files`.
        large: segments large pictures; None where no picture is taken so.
    """

    predictor: Predictor
    masks: MaskFolder
    taken: dict[tuple[int, int], Path]
    results: ResultTable | None
    overlays: bool
    flag_below: float | None
    next_free_name: bool
    large: LargePicture | None

    def __call__(self, image: Path) -> Outcome:
        outcome = Outcome(image)
        try:
            if self.large is not None and (self.large.options.takes_all() or is_large(image)):
                return self._by_region(image, self.large)
            prediction = self.predictor(image, quality=self.flag_below is not None)
            quality = prediction.quality
            low = quality is not None and self.flag_below is not None and quality < self.flag_below
            outcome = replace(outcome, warnings=prediction.warnings, quality=quality, look_at_this=low)
            measures = overlay = None
            if self.results is not None or self.overlays:
                values = self._stored_values(image)
                if self.results is not None:
                    measures = measure(prediction, values, self.masks.label_names)
                if self.overlays:
                    overlay = draw_overlay(values, prediction, self.predictor.orientation)
            files = self._files(image, prediction, overlay)
            outdated = self.masks.outdated(image, files)
            _write(files)
            for path in outdated:
                path.unlink()
            self.taken.update({number: image for mask in files if (number := _identity(mask)) is not None})
        except Exception as error:
            return replace(outcome, error=explain(error, image))
        outcome = replace(outcome, masks=tuple(files))
        if self.results is not None and measures is not None:
            outcome = replace(outcome, measures=measures, table=self.results.path)
            mask = next(file for file in files if file.name.endswith(f"_seg{self.masks.extension}"))
            self._add(image, mask, measures, outcome.quality, outcome.look_at_this)
        return outcome

    def _by_region(self, image: Path, large: LargePicture) -> Outcome:
        facts = self.predictor.facts
        for number in count(1):
            paths = output_paths(image, self.masks.base(image, number), facts, large.options, self.overlays)
            there = [path for path in paths.values() if os.path.lexists(path)]
            if not there:
                break
            if not self.next_free_name:
                raise DataError(f"{there[0]} is there already: move it, or give another folder.")
        found = large(image, paths, self.results is not None, self.flag_below is not None)
        low = found.quality is not None and self.flag_below is not None and found.quality < self.flag_below
        if self.results is not None and found.measures is not None:
            self._add(image, paths["seg"], found.measures, found.quality, low)
        table = None if self.results is None else self.results.path
        return Outcome(image, found.files, None, found.warnings, found.quality, low, found.measures, table)

    def _add(self, image: Path, mask: Path, measures: Measures, quality: float | None, low: bool) -> None:
        """Add an image to the table."""
        flags = {"quality": quality, "remark": "look at this" if low else ""}
        if self.results is not None:
            self.results.add(image, mask, measures, flags if quality is not None else {})

    def _stored_values(self, image: Path) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)  # the predictor has them
            return read_volume(image, self.masks.series)[0] if self.predictor.volumetric else stored_values(image)

    def _files(self, image: Path, prediction: Prediction, overlay: np.ndarray | None) -> dict[Path, Write]:
        """What writes the masks, by paths that are free.

        Raises:
            DataError: they are not, and no other name is asked for.
        """
        files = self.masks.files(image, prediction, overlay)
        # The name alone does not tell: a link, or a disk that takes A and a for one letter.
        others = {mask: self.taken[one] for mask in files if (one := _identity(mask)) in self.taken}
        if not self.next_free_name and others:
            mask, other = others.popitem()
            what = "the input" if other.samefile(mask) else "the mask of"
            raise DataError(f"The mask of {image} would be written over {what} {other}: give another folder.")
        source = source_of(image, self.masks.series)
        foreign = [mask for mask in files if own_source(mask) not in (None, "", source)]
        if not self.next_free_name and foreign:
            raise DataError(
                f"{foreign[0]} is the mask of another input or DICOM series: give another folder, or --next-free-name."
            )
        if self.next_free_name and (others or foreign or not all(map(is_replaceable, files))):
            for number in count(2):
                files = self.masks.files(image, prediction, overlay, number)
                if not any(os.path.lexists(mask) for mask in files):
                    break
        return files


def _identity(file: Path) -> tuple[int, int] | None:
    """The device and number of a file; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write(files: Mapping[Path, Write]) -> None:
    try:
        write_files(files)
    except (OSError, RuntimeError) as error:  # ITK does not say why
        reason = reason_of(error) if isinstance(error, OSError) else "the disk may be full"
        raise DataError(
            f"{next(iter(files))} cannot be written ({reason}): free some space, or give another folder."
        ) from error
