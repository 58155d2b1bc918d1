"""Runs ``model_full.onnx`` on arrays and files, without torch and MONAI."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .bundle_files import fingerprint, open_bundle
from .channel_files import with_other_channels
from .engines import ENGINES, ONNXRuntimeEngine, OpenVINOEngine
from .errors import ConfigError, DataError, InputWarning, explain
from .facts import IMAGE, LABELS, LOGITS, SLICES, SOURCE, STATISTICS, Facts
from .given_images import Image, name_of
from .image_checks import check_affine, check_image, check_not_empty, check_slice_axis
from .instances import NOT_NUMBERED, separate_instances
from .libraries import is_installed
from .masks import Prediction
from .normalisation import from_facts, statistics_of
from .onnx_properties import read_properties
from .orientation import slice_orientation
from .pictures import convert_picture, decode_pictures
from .postprocessing import postprocess
from .quality import QualityEstimate
from .resampling import interpolate, positions_by_size, positions_by_spacing, spacing_of
from .slices import slice_logits, smoothed
from .volumes import read_with_other_channels
from .windows import in_windows

FILE = "models/model_full.onnx"
"""The place of the file in a bundle."""

SMALL = (np.int8, np.uint8, np.int16, np.uint16, np.float32)
"""Types of values that stay as they are until a slice goes to the network."""


__all__ = ["LightPredictor", "find_model", "load", "predict"]


def predict(
    bundle: str | os.PathLike[str],
    image: Image,
    *,
    affine: np.ndarray | None = None,
    runtime: str = "onnxruntime",
    device: str = "auto",
    slice_axis: str = "auto",
    threads: int | None = None,
) -> np.ndarray:
    """Segment one image. For several images, :func:`load` reads the network once.

    Args:
        bundle: see :func:`load`.
        image: see :meth:`LightPredictor.__call__`.
        affine: see :meth:`LightPredictor.__call__`.
        runtime: see :func:`load`.
        device: see :func:`load`.
        slice_axis: see :func:`load`.
        threads: see :func:`load`.

    Returns:
        The classes, 0 is background: (x, y, z) of a volume, (height, width) of a picture, uint8. What the owner of the
        image should know is issued as :class:`InputWarning`.

    Raises:
        LWMISNError: the bundle or the image cannot be used.
    """
    with load(bundle, runtime=runtime, device=device, slice_axis=slice_axis, threads=threads) as predictor:
        prediction = predictor(image, affine)
    for sentence in prediction.warnings:
        warnings.warn(sentence, InputWarning, stacklevel=2)
    return prediction.labels


def load(
    bundle: str | os.PathLike[str],
    *,
    runtime: str = "onnxruntime",
    device: str = "auto",
    slice_axis: str = "auto",
    series: str | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    postprocessing: Sequence[Mapping[str, Any]] = (),
) -> LightPredictor:
    """Read a network with all that is around it.

    Args:
        bundle: a ``model_full.onnx``, or a bundle that has one: its folder, or a zip of it.
        runtime: ``onnxruntime`` or ``openvino``.
        device: ``auto`` (a GPU where there is one that the runtime can use), ``cpu`` or ``cuda``.
        slice_axis: ``auto`` for the axis that the network was trained on, or ``axial``, ``coronal``, ``sagittal``.
        series: the UID of the series to take from DICOM folders that hold several.
        threads: of the network; None for all processors.
        progress: called within each image with the number of slices or windows done, and how many there are.
        postprocessing: steps of :mod:`.postprocessing` on the grid of the image. They follow those of the bundle.

    Raises:
        LWMISNError: there is no such file, the runtime is not installed, or an option does not go with the bundle.

    Example:
        >>> with load("nuclei.onnx") as predictor:
        ...     masks = [predictor(path).labels for path in paths]
    """
    if runtime not in ENGINES:
        raise ConfigError(f"There is no runtime {runtime!r}: use {', '.join(ENGINES)}.")
    with ExitStack() as stack:
        file = find_model(bundle, stack)
        facts = Facts.from_properties(read_properties(file), file)
        facts = replace(facts, postprocessing=[*facts.postprocessing, *map(dict, postprocessing)])
        given = {"slice axis": slice_axis != "auto", "series": series is not None}
        if not facts.volumetric and any(given.values()):
            name = next(name for name, is_given in given.items() if is_given)
            raise ConfigError(f"{bundle} segments pictures and has no {name} to choose: leave it out.")
        engine = ENGINES[runtime](file, device, threads)
        return LightPredictor(facts, engine, slice_axis, series, progress, stack.pop_all())


def find_model(bundle: str | os.PathLike[str], stack: ExitStack) -> Path:
    """Return the ONNX file of a bundle, or the file itself.

    Args:
        bundle: see :func:`load`.
        stack: closes what is opened, see :func:`.bundle_files.open_bundle`.

    Raises:
        ConfigError: there is none, or it was made before the weights or the configuration of the bundle were changed.
        DataError: a zip is damaged.
    """
    path = Path(bundle)
    if path.is_file() and not zipfile.is_zipfile(path):
        return path
    root = open_bundle(path, stack)
    file = root / FILE
    if not file.is_file():
        raise ConfigError(
            f"{bundle} has no {FILE}: write it with `lwmisn bundle {bundle} --onnx FILE.onnx`, and give that file."
        )
    source = read_properties(file).get(SOURCE)  # files of release 0.2.0 do not say it
    if source is not None and source != fingerprint(root):
        raise ConfigError(
            f"{FILE} of {bundle} was made of other weights or another configuration: write it anew with "
            f"`lwmisn bundle {bundle} --onnx {file}`."
        )
    return file


class LightPredictor:
    """A network that is ready to segment images; made by :func:`load`.

    Attributes:
        facts: what the file says of itself.
        name: of the bundle.
        version: of the bundle.
        volumetric: it takes volumes, otherwise pictures.
        label_names: the names of the classes by value as text.
        orientation: of volumes, as three letters, whose last axis is sliced along.
        flag_below: the estimate of quality below which somebody should look at a mask.
    """

    def __init__(
        self,
        facts: Facts,
        engine: ONNXRuntimeEngine | OpenVINOEngine,
        slice_axis: str = "auto",
        series: str | None = None,
        progress: Callable[[int, int], None] | None = None,
        stack: ExitStack | None = None,
    ) -> None:
        self.facts, self.name, self.volumetric = facts, facts.name, facts.volumetric
        self.version = facts.bundle_version
        self.label_names, self.flag_below = facts.label_names, facts.flag_below
        self.orientation = slice_orientation(facts.orientation, slice_axis)
        self._engine, self._series, self._progress = engine, series, progress
        self._steps = from_facts(facts.normalisation)
        self._stack = stack or ExitStack()

    def __call__(
        self, image: Image, affine: np.ndarray | None = None, name: str | None = None, *, quality: bool = False
    ) -> Prediction:
        """Segment one image.

        Args:
            image: a path; or an array: (x, y, z) or (x, y, z, channel) of a volume, (height, width) or
                (height, width, 3) of a picture.
            affine: (4, 4) of an array of a volume, from x, y, z to millimetres towards right, anterior and superior.
            name: of the image, for messages; of a file its path.
            quality: also estimate how good the mask is, see :class:`.quality.QualityEstimate`.

        Raises:
            DataError: the image cannot be read, or the network cannot take it.
        """
        name = name_of(image, name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InputWarning)
            estimate = QualityEstimate() if quality else None
            try:
                prediction = (self._volume if self.volumetric else self._picture)(image, affine, name, estimate)
            except MemoryError as error:
                raise DataError(f"{name} is too large for the memory of this machine: give a part of it.") from error
            except (DataError, ConfigError):
                raise
            except Exception as error:
                raise DataError(explain(error, name)) from error
        said = dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, InputWarning))
        return replace(prediction, warnings=tuple(said), quality=None if estimate is None else estimate())

    def part_logits(self, part: np.ndarray, statistics: np.ndarray) -> np.ndarray:
        """Return the logits (height, width, class) of a part of a picture.

        Args:
            part: (height, width, channel), float32 from 0 to 255.
            statistics: of the whole picture, see :func:`.normalisation.statistics_of`.

        Raises:
            ConfigError: the runtime cannot take parts.
        """
        if not self._engine.takes_parts:
            raise ConfigError("OpenVINO cannot take parts of a picture: use the runtime onnxruntime.")
        given = {STATISTICS: statistics} if len(statistics) else {}
        return self._engine([LOGITS], {IMAGE: part, **given})[0]

    def close(self) -> None:
        """Remove the temporary folder of a bundle that was a zip."""
        self._stack.close()

    def __enter__(self) -> LightPredictor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, values: np.ndarray, name: str) -> None:
        _warn(check_image(values, self.facts.in_channels, self.facts.modality, name))

    def _picture(
        self, image: Image, affine: np.ndarray | None, name: str, estimate: QualityEstimate | None
    ) -> Prediction:
        facts = self.facts
        if isinstance(image, np.ndarray):
            check_not_empty(image, name)
            values = convert_picture(image, name)
        else:
            values = decode_pictures(with_other_channels(image, facts.in_channels // 3))
        channels_first = values.transpose(2, 1, 0)
        self._check(channels_first, name)
        window = facts.window[::-1] if facts.window and facts.resize is None else None
        if window and any(length > side for length, side in zip(values.shape, window, strict=False)):
            numbers = statistics_of(channels_first, self._steps)

            def network(part: np.ndarray) -> np.ndarray:
                return self.part_logits(part.astype(np.float32), numbers)

            logits = in_windows(values, network, window, self._progress)
            labels = _classes(np.moveaxis(logits, -1, 0))
        else:
            labels, logits = self._engine([LABELS, LOGITS], {IMAGE: values.astype(np.float32)})
            if self._progress is not None:
                self._progress(1, 1)
        if estimate is not None:
            estimate.add(np.moveaxis(logits, -1, 0))
        found = postprocess(labels.T, facts.postprocessing)
        return Prediction(np.ascontiguousarray(found.T), self._instances(found))

    def _instances(self, labels: np.ndarray) -> np.ndarray | None:
        """The numbered objects (height, width) of labels (x, y), where objects are told apart."""
        if not self.facts.instances:
            return None
        if not is_installed("skimage"):
            _warn([NOT_NUMBERED])
            return None
        return separate_instances(labels > 0).T

    def _volume(
        self, image: Image, affine: np.ndarray | None, name: str, estimate: QualityEstimate | None
    ) -> Prediction:
        from nibabel import orientations

        facts = self.facts
        if isinstance(image, np.ndarray):
            check_not_empty(image, name)
            voxels, grid = image, check_affine(image, affine, name)
        else:
            voxels, grid = read_with_other_channels(image, facts.in_channels, self._series)
        voxels = voxels if voxels.dtype in SMALL else voxels.astype(np.float32)
        volume = voxels[None] if voxels.ndim == 3 else np.moveaxis(voxels, -1, 0)
        self._check(volume, name)
        wanted = orientations.axcodes2ornt(self.orientation)
        turn = orientations.ornt_transform(orientations.io_orientation(grid), wanted)
        axes = np.argsort(turn[:, 0]).astype(int)
        mirrored = tuple(slice(None, None, int(turn[axis, 1])) for axis in axes)
        volume = volume.transpose(0, *(axes + 1))[(slice(None), *mirrored)]
        spacing = np.linalg.norm(grid[:3, :3], axis=0)[axes]
        _warn(check_slice_axis(spacing, name))
        plane, positions = volume.shape[1:3], self._positions(volume.shape[1:3], spacing, grid, name)
        if any(one is not None for one in positions):
            volume = interpolate(volume.astype(np.float32), positions)
        inputs = self._statistics(volume)

        def network(slices: np.ndarray) -> np.ndarray:
            return self._engine([LOGITS], {SLICES: slices, **inputs})[0]

        labels = np.zeros((*plane, volume.shape[-1]), dtype=np.uint8)
        logits = slice_logits(volume, network, facts.slices, self._pixels(volume.shape[1:3]), self._progress)
        for number, one in enumerate(smoothed(logits, facts.slice_kernel)):
            if estimate is not None:
                estimate.add(one)
            labels[..., number] = _classes(interpolate(one, self._positions_back(plane, one.shape[1:], spacing)))
        labels = labels[mirrored].transpose(np.argsort(axes))
        return Prediction(postprocess(labels, facts.postprocessing), affine=grid)

    def _pixels(self, plane: Sequence[int]) -> int:
        """The pixels that the network has in work for one plane (x, y), with its mirror images."""
        wanted = self.facts.resize if isinstance(self.facts.resize, list) else [-1, -1]
        x, y = (length if other < 0 else other for length, other in zip(plane, wanted, strict=True))
        return x * y * 2 ** len(self.facts.flips)

    def _statistics(self, volume: np.ndarray) -> dict[str, np.ndarray]:
        """The second input of the network: the numbers of a volume (channel, x, y, z), where it takes some."""
        if not any(step.numbers for step in self._steps):
            return {}
        if isinstance(self.facts.resize, list):
            places = [positions_by_size(*pair) for pair in zip(volume.shape[1:3], self.facts.resize, strict=True)]
            if any(one is not None for one in places):
                volume = interpolate(volume.astype(np.float32), places)
        return {STATISTICS: statistics_of(volume, self._steps)}

    def _positions(
        self, plane: Sequence[int], spacing: np.ndarray, grid: np.ndarray, name: str
    ) -> list[np.ndarray | None]:
        """Where the pixels of the network lie in a plane (x, y)."""
        if self.facts.resample is None:
            return [None, None]
        spacing_of(grid, name)  # refuses what is sheared
        return [positions_by_spacing(*one) for one in zip(plane, spacing, self.facts.resample, strict=False)]

    def _positions_back(
        self, plane: Sequence[int], found: Sequence[int], spacing: np.ndarray
    ) -> list[np.ndarray | None]:
        """Where the pixels of a plane lie among those of the network."""
        if self.facts.resample is None:
            return [None, None]
        wanted = self.facts.resample
        return [
            None if positions_by_spacing(length, own, other) is None else np.arange(length) * (own / other)
            for length, own, other in zip(plane, spacing, wanted, strict=False)
        ]


def _classes(logits: np.ndarray) -> np.ndarray:
    """The most probable class of logits (class, ...), of which one alone is foreground."""
    return (logits[0] >= 0).astype(np.uint8) if len(logits) == 1 else logits.argmax(axis=0).astype(np.uint8)


def _warn(sentences: Sequence[str] | Iterator[str]) -> None:
    for sentence in sentences:
        warnings.warn(sentence, InputWarning, stacklevel=3)
