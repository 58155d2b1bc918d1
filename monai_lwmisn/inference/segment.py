"""A bundle's own inference, input by input: what one cannot do is said in a sentence, and the others are done."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from monai_lwmisn.errors import ConfigError, DataError, InputWarning, LWMISNError
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.bundle_files import REMEDY, open_bundle
from monai_lwmisn.inference.causes import is_named, own_error, reason, sentence_of
from monai_lwmisn.inference.inputs import find_inputs, output_names
from monai_lwmisn.inference.runtimes import RUNTIMES

__all__ = ["FORMATS", "Outcome", "segment"]

FORMATS = {"nifti": ".nii.gz", "nrrd": ".nrrd", "dicom-seg": ".dcm", "png": ".png"}
"""The endings of mask files by the name of their format; png is for pictures, the others are for volumes."""


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

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
    """
    Segment files and folders with the bundle's own configuration, ``configs/inference.json``.

    The network is built once. A mask is in ``output`` when it is whole; an input that fails leaves none, and no input
    is written over.

    Args:
        bundle: its folder, or a zip of it. A bundle is a program: use only those that you trust.
        inputs: files, folders of files, and folders of a DICOM series.
        output: the folder for the masks; it is made.
        device: ``auto``, ``cpu`` or ``cuda``.
        runtime: ``torch``, or ``onnxruntime`` or ``openvino`` for the bundle's ``models/model.onnx``.
        format: of the masks, see :data:`FORMATS`; None for nifti, or png from pictures.
        series: UID of the series to take from DICOM folders that hold several.
        slice_axis: ``auto`` for the axis the network was trained on, or ``axial``, ``coronal``, ``sagittal``.
        progress: called within each input with the number of slices or windows done, and how many there are.
        report: called after each input.

    Returns:
        One outcome per input, in order.

    Raises:
        LWMISNError: nothing can be segmented: the bundle or its weights cannot be used, an option does not go with it,
            or ``output`` cannot be written to.
    """
    place = Path(output).absolute()
    report = report or (lambda outcome: None)
    with open_bundle(bundle) as root:
        config = read_json(root / "configs" / "inference.json", REMEDY)
        volumetric = _is_volumetric(config, bundle)
        format = _check_format(format or ("nifti" if volumetric else "png"), volumetric)
        outcomes = _find(inputs, place, volumetric, format)
        images = [outcome.image for outcome in outcomes if outcome.error is None]
        output_names(images)  # refuses those that cannot have different ones, before anything is done
        settings = {
            "bundle_root": str(root),
            "device": device if runtime == "torch" else "cpu",
            "num_workers": 0,  # there is one input at a time
            "progress": progress,
            **_options(config, bundle, series=series, slice_axis=None if slice_axis == "auto" else slice_axis),
        }
        with _staging(place) as staging:
            settings["output_dir"] = str(staging)
            parser = _parse(config, settings, images)
            if volumetric:
                _save_as(parser, format, root, series)
            if runtime != "torch":
                _run_by(parser, runtime, root, device)
            if images:
                _prepare(parser, bundle)
            for index, outcome in enumerate(outcomes):
                if outcome.error is None:
                    outcome = outcomes[index] = _segment_one(parser, outcome.image, staging, place, outcomes)
                report(outcome)
    return outcomes


def _is_volumetric(config: Mapping[str, Any], bundle: str | os.PathLike[str]) -> bool:
    missing = [key for key in ("volumetric", "dataset", "network", "evaluator", "load") if key not in config]
    if missing:
        raise ConfigError(
            f"{bundle} is no bundle that lwmisn wrote, its configs/inference.json lacks {', '.join(missing)}: "
            "use `python -m monai.bundle run` for it."
        )
    return bool(config["volumetric"])


def _check_format(format: str, volumetric: bool) -> str:
    of_volumes = [name for name in FORMATS if name != "png"]
    if volumetric and format not in of_volumes:
        raise ConfigError(f"This bundle segments volumes, not to {format}: use {', '.join(of_volumes)}.")
    if not volumetric and format != "png":
        raise ConfigError(f"This bundle segments pictures, not to {format}: use png.")
    return format


def _options(config: Mapping[str, Any], bundle: str | os.PathLike[str], **options: Any) -> dict[str, Any]:
    """Those options that were given."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in config:
            raise ConfigError(
                f"{bundle} segments pictures and has no {name.replace('_', ' ')} to choose: leave it out."
            )
    return given


def _find(inputs: Iterable[str | os.PathLike[str]], output: Path, volumetric: bool, format: str) -> list[Outcome]:
    """The inputs, each once; those that cannot be segmented with their error."""
    found: dict[Path, Outcome] = {}
    for given in inputs:
        path = Path(given).absolute()
        try:
            images = [Path(item["image"]) for item in find_inputs(path, volumetric)]
        except (DataError, OSError) as error:
            found[path] = Outcome(path, error=sentence_of(error, path))
            continue
        # Masks of an earlier call are no inputs, unless they are named.
        images = [image for image in images if path in (image, output) or output not in image.parents]
        for image in images:
            found[image] = Outcome(image)
            if format == "dicom-seg" and not image.is_dir():
                sentence = f"{image} is no folder of a DICOM series, which dicom-seg needs: use another format."
                found[image] = Outcome(image, error=sentence)
    return list(found.values())


@contextmanager
def _staging(output: Path) -> Iterator[Path]:
    """A folder inside the output folder, so that what is written there is moved out in one step."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".lwmisn-", dir=output)
    except OSError as error:
        raise ConfigError(
            f"Masks cannot be written to {output} ({error.strerror}): give another folder, or mend its permissions."
        ) from error
    with folder as name:
        yield Path(name)


def _parse(config: dict[str, Any], settings: Mapping[str, Any], images: Iterable[Path]) -> ConfigParser:
    parser = ConfigParser(config)
    for key, value in settings.items():
        parser[key] = value
    parser["dataset"]["data"] = [{"image": str(image)} for image in images]
    return parser


def _save_as(parser: ConfigParser, format: str, root: Path, series: str | None) -> None:
    parser["output_extension"] = FORMATS[format]
    if format == "dicom-seg":
        metadata = root / "configs" / "metadata.json"
        parser["saving"] = {
            "_target_": "monai_lwmisn.inference.dicom_segmentation.SaveDicomSegmentationd",
            "keys": "pred",
            "layout": parser["saving"]["folder_layout"],
            "label_names": parser["label_names"],
            "series": series,
            "model_name": read_json(metadata, REMEDY).get("name", root.name) if metadata.exists() else root.name,
        }


def _run_by(parser: ConfigParser, runtime: str, root: Path, device: str) -> None:
    """Let another runtime execute the network; the bundle's weights in torch's format are not needed then."""
    if runtime not in RUNTIMES:
        raise ConfigError(f"There is no runtime {runtime!r}: use torch, {', '.join(RUNTIMES)}.")
    path = root / "models" / "model.onnx"
    if not path.is_file():
        raise ConfigError(f"The bundle has no models/model.onnx, which {runtime} needs: use the runtime torch.")
    parser["network"] = {
        "_target_": f"{RUNTIMES[runtime].__module__}.{RUNTIMES[runtime].__name__}",
        "path": str(path),
        "device": device,
    }
    parser["load"] = None


def _prepare(parser: ConfigParser, bundle: str | os.PathLike[str]) -> None:
    """Build the network and what else does not change from input to input."""
    try:
        parser.get_parsed_content("load")
        parser.get_parsed_content("evaluator")
    except Exception as error:
        own = own_error(error)
        if isinstance(own, LWMISNError):
            raise own from error
        if own is not None:
            raise LWMISNError(str(own)) from error
        raise ConfigError(f"The bundle {bundle} cannot be used ({reason(error)}): write it anew.") from error


def _segment_one(parser: ConfigParser, image: Path, staging: Path, output: Path, outcomes: list[Outcome]) -> Outcome:
    outcome = Outcome(image)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _run(parser, image)
            masks = _deliver(staging, output, image, outcomes)
            outcome = replace(outcome, masks=masks)
        except Exception as error:
            outcome = replace(outcome, error=sentence_of(error, image))
        finally:
            for left in staging.iterdir():
                left.unlink()
    said = dict.fromkeys(str(warning.message) for warning in caught if is_named(warning.category, InputWarning))
    return replace(outcome, warnings=tuple(said))


def _run(parser: ConfigParser, image: Path) -> None:
    parser.get_parsed_content("dataset").data = [{"image": str(image)}]
    # An ignite engine that failed once does nothing at its next run, and says nothing.
    parser.ref_resolver.remove_resolved_content("evaluator")
    evaluator = parser.get_parsed_content("evaluator")
    level = evaluator.logger.level
    evaluator.logger.setLevel(logging.CRITICAL)  # it would print the error that is told as a sentence
    try:
        evaluator.run()
    finally:
        evaluator.logger.setLevel(level)


def _deliver(staging: Path, output: Path, image: Path, outcomes: Iterable[Outcome]) -> tuple[Path, ...]:
    """Move the masks of an input to the output folder."""
    staged = sorted(staging.iterdir())
    if not staged:
        raise ConfigError(f"The bundle wrote no mask for {image}: its configuration saves none.")
    masks = tuple(output / mask.name for mask in staged)
    for mask in masks:
        for other in outcomes:
            if mask == other.image or (mask.exists() and other.image.exists() and mask.samefile(other.image)):
                raise DataError(f"The mask of {image} would be written over the input {mask}: give another folder.")
            if mask in other.masks:
                raise DataError(f"The mask of {image} would be written over that of {other.image}: rename one of them.")
    for source, mask in zip(staged, masks, strict=True):
        source.replace(mask)
    return masks
