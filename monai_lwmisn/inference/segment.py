"""Segments files to files, one after the other: an input that fails gets a sentence, and the others get masks."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from monai_lwmisn.errors import ConfigError, DataError, explain, reason_of
from monai_lwmisn.inference.bundle_files import open_bundle, read_bundle
from monai_lwmisn.inference.dicom import looks_like_dicom
from monai_lwmisn.inference.inputs import find_inputs, output_names
from monai_lwmisn.inference.mask_marks import is_own_mask
from monai_lwmisn.inference.masks import DICOM_EXTENSION, MaskFolder
from monai_lwmisn.inference.predict import Predictor, load_bundle
from monai_lwmisn.inference.writers import Write, write_files

__all__ = ["FORMATS", "Outcome", "segment"]

FORMATS = {"nifti": ".nii.gz", "nrrd": ".nrrd", "dicom-seg": DICOM_EXTENSION, "png": ".png"}
"""The endings of mask files by the name of their format. png is for pictures, the others are for volumes."""


@dataclass(frozen=True)
class Outcome:
    """The result for one input.

    Args:
        image: the input: a file, or the folder of a DICOM series.
        masks: the files written; none where it failed.
        error: why it failed, as one sentence.
        warnings: what its owner should know, as sentences.
    """

    image: Path
    masks: tuple[Path, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()


def segment(
    bundle: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    device: str = "auto",
    runtime: str = "torch",
    format: str | None = None,
    series: str | None = None,
    slice_axis: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Segment files and folders with a bundle.

    The network is built once. A mask is in ``output`` when it is whole; an input that fails leaves none, and no input
    is written over, nor any file but masks of an earlier call.

    Args:
        bundle: see :func:`monai_lwmisn.inference.predict.load_bundle`.
        inputs: files, folders of files, and folders of a DICOM series.
        output: the folder for the masks; it is made.
        device: ``auto``, ``cpu`` or ``cuda``.
        runtime: ``torch``, or ``onnxruntime`` or ``openvino`` for the bundle's ``models/model.onnx``.
        format: of the masks, see :data:`FORMATS`; None for nifti, or png of pictures.
        series: the UID of the series to take from DICOM folders that hold several.
        slice_axis: ``auto`` for the axis that the network was trained on, or ``axial``, ``coronal``, ``sagittal``.
        progress: called within each input with the number of slices or windows done, and how many there are.
        report: called after each input.

    Returns:
        One outcome per input, in order.

    Raises:
        LWMISNError: nothing can be segmented: the bundle or its weights cannot be used, an option does not go with it,
            or ``output`` cannot be written to.
    """
    place = Path(output).absolute()
    with ExitStack() as stack:
        root = open_bundle(bundle, stack)
        data = read_bundle(root, bundle)["data"]
        volumetric = bool(data["volumetric"])
        format = _check_format(format or ("nifti" if volumetric else "png"), volumetric)
        outcomes = _find(inputs, place, data, format)
        clashes = output_names(outcome.image for outcome in outcomes if outcome.error is None)[1]
        outcomes = [replace(one, error=clashes.get(str(one.image), one.error)) for one in outcomes]
        images = [outcome.image for outcome in outcomes if outcome.error is None]
        masks = MaskFolder(
            place, [{"image": image} for image in images], data["label_names"], FORMATS[format], volumetric, series
        )
        stack.enter_context(_writable_folder(place))
        options = {"device": device, "runtime": runtime, "slice_axis": slice_axis, "series": series}
        if images:
            predictor = stack.enter_context(load_bundle(root, progress=progress, **options))  # type: ignore[arg-type]
            masks.model_name = predictor.name
        taken = {number: one.image for one in outcomes if (number := _identity(one.image)) is not None}
        for index, outcome in enumerate(outcomes):
            if outcome.error is None:
                outcome = outcomes[index] = _segment_one(predictor, outcome.image, masks, taken)
            if report is not None:
                report(outcome)
    return outcomes


def _check_format(format: str, volumetric: bool) -> str:
    of_volumes = [name for name in FORMATS if name != "png"]
    if volumetric and format not in of_volumes:
        raise ConfigError(f"This bundle segments volumes, not to {format}: use {', '.join(of_volumes)}.")
    if not volumetric and format != "png":
        raise ConfigError(f"This bundle segments pictures, not to {format}: use png.")
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
    return folder != output or (bool(re.search(r"_(seg|instances)\.[\w.]+$", image.name)) and is_own_mask(image))


@contextmanager
def _writable_folder(output: Path) -> Iterator[None]:
    """Make the folder of the masks, and remove it at the end if it is empty and was not there before."""
    missing = list(takewhile(lambda folder: not folder.exists(), (output, *output.parents)))
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


def _segment_one(predictor: Predictor, image: Path, masks: MaskFolder, taken: dict[tuple[int, int], Path]) -> Outcome:
    outcome = Outcome(image)
    try:
        prediction = predictor(image)
        outcome = replace(outcome, warnings=prediction.warnings)
        files = masks.files(image, prediction)
        for mask in files:
            # The name alone does not tell: a link, or a disk that takes A and a for one letter.
            if (other := taken.get(_identity(mask) or (0, 0))) is not None:
                what = "the input" if other.samefile(mask) else "the mask of"
                raise DataError(f"The mask of {image} would be written over {what} {other}: give another folder.")
        _write(files)
        taken.update({number: image for mask in files if (number := _identity(mask)) is not None})
    except Exception as error:
        return replace(outcome, error=explain(error, image))
    return replace(outcome, masks=tuple(files))


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
