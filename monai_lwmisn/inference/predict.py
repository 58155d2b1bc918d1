"""Runs a bundle on arrays and files. Every program that segments goes through :class:`Predictor`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import EnsureChannelFirst, LoadImaged
from monai.utils import convert_to_numpy

from monai_lwmisn.errors import ConfigError, DataError, InputWarning, explain, own_error
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.bundle_files import REMEDY, read_bundle
from monai_lwmisn.inference.evaluator import MaskEvaluator
from monai_lwmisn.inference.facts import bundle_facts
from monai_lwmisn.inference.readers import picture_metadata, volume_metadata
from monai_lwmisn.light.bundle_files import open_bundle
from monai_lwmisn.light.facts import Facts
from monai_lwmisn.light.given_images import Image, name_of
from monai_lwmisn.light.image_checks import check_affine, check_not_empty
from monai_lwmisn.light.masks import Prediction
from monai_lwmisn.light.normalisation import from_facts, normalise
from monai_lwmisn.light.orientation import slice_orientation
from monai_lwmisn.light.pictures import convert_picture

Result = TypeVar("Result")

__all__ = ["Prediction", "Predictor", "load_bundle", "predict"]


def predict(
    bundle: str | os.PathLike[str],
    image: Image,
    *,
    affine: np.ndarray | None = None,
    device: str = "auto",
    runtime: str = "torch",
    slice_axis: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    postprocessing: Sequence[Callable] = (),
) -> np.ndarray:
    """Segment one image with a bundle. For several images, :func:`load_bundle` builds the network once.

    Args:
        bundle: see :func:`load_bundle`.
        image: see :meth:`Predictor.__call__`.
        affine: see :meth:`Predictor.__call__`.
        device: see :func:`load_bundle`.
        runtime: see :func:`load_bundle`.
        slice_axis: see :func:`load_bundle`.
        progress: see :func:`load_bundle`.
        postprocessing: see :func:`load_bundle`.

    Returns:
        The classes, 0 is background: (x, y, z) of a volume, (height, width) of a picture, uint8. What the bundle warns
        of is issued as :class:`InputWarning`.

    Raises:
        LWMISNError: the bundle or the image cannot be used.

    Example:
        >>> mask = predict("bundles/prostate_mr_lwmisn", "case.nii.gz")
        >>> mask = predict("bundles/nuclei_microscopy_lwmisn", np.zeros((300, 400), np.uint8))
    """
    with load_bundle(
        bundle,
        device=device,
        runtime=runtime,
        slice_axis=slice_axis,
        progress=progress,
        postprocessing=postprocessing,
    ) as predictor:
        prediction = predictor(image, affine)
    for sentence in prediction.warnings:
        warnings.warn(sentence, InputWarning, stacklevel=2)
    return prediction.labels


def load_bundle(
    bundle: str | os.PathLike[str],
    *,
    device: str = "auto",
    runtime: str = "torch",
    slice_axis: str = "auto",
    series: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    postprocessing: Sequence[Callable] = (),
    weights: str | os.PathLike[str] | None = None,
) -> Predictor:
    """Build the network of a bundle and all that its inference configuration names.

    Args:
        bundle: its folder, or a zip of it. None of its code is run, see :mod:`.bundle_contents`.
        device: ``auto`` (a CUDA GPU where there is one), ``cpu`` or ``cuda``.
        runtime: ``torch``, or ``onnxruntime`` or ``openvino`` for the bundle's ``models/model.onnx``.
        slice_axis: ``auto`` for the axis that the network was trained on, or ``axial``, ``coronal``, ``sagittal``.
        series: the UID of the series to take from DICOM folders that hold several.
        progress: called within each image with the number of slices or windows done, and how many there are.
        postprocessing: MONAI's dictionary transforms of ``pred``, a label map (1, ...) on the grid of the image. They
            follow those of the bundle.
        weights: a file of weights in place of the bundle's ``models/model.pt``.

    Returns:
        A :class:`Predictor`. Close it, or use it in a ``with`` statement: a zip is unpacked to a temporary folder.

    Raises:
        LWMISNError: it is no bundle, its weights do not fit, or an option does not go with it.

    Example:
        >>> with load_bundle("prostate.zip") as predictor:
        ...     masks = [predictor(path).labels for path in paths]
    """
    with ExitStack() as stack:
        root = open_bundle(bundle, stack)
        config = read_bundle(root, bundle)
        options = {"slice_axis": None if slice_axis == "auto" else slice_axis, "series": series}
        given = {name: value for name, value in options.items() if value is not None}
        if given and not config["data"]["volumetric"]:
            raise ConfigError(
                f"{bundle} segments pictures and has no {next(iter(given)).replace('_', ' ')} to choose: leave it out."
            )
        steps = [*config["inference"]["postprocessing"], *postprocessing]
        # All that a caller changes in a configuration is changed here.
        config["data"] |= given
        spoken = None if progress is None else _Progress(progress)
        config["inference"] |= {"runtime": runtime, "progress": spoken, "postprocessing": steps}
        if weights is not None:
            config |= {"weights_file": os.fspath(weights), "onnx_file": ""}
        parser = ConfigParser({**config, "bundle_root": str(root), "device": device})
        try:
            parser.get_parsed_content("load")  # in a bundle of an earlier day, `network` does not ask for it
            return Predictor(root, parser, stack, spoken)
        except Exception as error:
            own = own_error(error)
            if own is not None:
                raise own from error
            raise ConfigError(explain(error, f"The bundle {bundle}", REMEDY)) from error


class _Progress:
    """Tells how much of an image is done, unless the image is a part of a large one."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress, self._is_silent = progress, False

    def __call__(self, done: int, total: int) -> None:
        if not self._is_silent:
            self._progress(done, total)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Tell nothing for a while."""
        self._is_silent = True
        try:
            yield
        finally:
            self._is_silent = False


class Predictor:
    """A bundle that is ready to segment images; made by :func:`load_bundle`.

    Attributes:
        name: of the bundle.
        version: of the bundle.
        volumetric: it takes volumes, otherwise pictures.
        label_names: the names of the classes by value as text.
        orientation: of volumes, as three letters, whose last axis is sliced along.
        flag_below: the estimate of quality below which somebody should look at a mask.
    """

    def __init__(self, root: Path, parser: ConfigParser, stack: ExitStack, progress: _Progress | None = None) -> None:
        self._root, self._progress = root, progress
        file = root / "configs" / "metadata.json"
        metadata = read_json(file, REMEDY) if file.exists() else {}
        self.name, self.version = str(metadata.get("name", root.name)), str(metadata.get("version", "unknown"))
        self.volumetric: bool = parser["data"]["volumetric"]
        data = parser["data"]
        self.label_names: dict[str, str] = data["label_names"]
        self.orientation = slice_orientation(data["orientation"], data["slice_axis"])
        self._preprocessing = parser.get_parsed_content("preprocessing")
        self._evaluator: MaskEvaluator = parser.get_parsed_content("evaluator")
        self.flag_below = self._evaluator.flag_below
        self._stack = stack.pop_all()  # at last: where something above fails, its owner closes it

    def __call__(
        self, image: Image, affine: np.ndarray | None = None, name: str | None = None, *, quality: bool = False
    ) -> Prediction:
        """Segment one image.

        Args:
            image: a path; or an array: (x, y, z) or (x, y, z, channel) of a volume, (height, width) or
                (height, width, 3) of a picture.
            affine: (4, 4) of an array of a volume, from x, y, z to millimetres towards right, anterior and superior.
            name: of the image, for messages; of a file its path.
            quality: also estimate how good the mask is, see
                :func:`monai_lwmisn.inference.quality.estimate_quality`.

        Raises:
            DataError: the image cannot be read, or the network cannot take it.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InputWarning)
            prediction = self._run(image, affine, name, partial(self._evaluator, quality=quality))
        said = dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, InputWarning))
        return replace(prediction, warnings=tuple(said))

    def logits(self, image: Image, affine: np.ndarray | None = None, name: str | None = None) -> torch.Tensor:
        """Return the logits (class, x, y[, z]) of one image, on the grid that the network sees.

        Args:
            image: see :meth:`__call__`.
            affine: see :meth:`__call__`.
            name: see :meth:`__call__`.

        Raises:
            DataError: see :meth:`__call__`.
        """
        return self._run(image, affine, name, lambda item: self._evaluator.logits(item["image"]))

    @cached_property
    def facts(self) -> Facts:
        """What is around the network, for parts of large pictures.

        Raises:
            ConfigError: a transform of the bundle needs the whole picture.
        """
        try:
            return bundle_facts(self._root)
        except ConfigError as error:
            raise ConfigError(
                f"The bundle {self.name} has a transform that needs the whole picture: take it whole, with "
                "--format png."
            ) from error

    def part_logits(self, part: np.ndarray, statistics: np.ndarray) -> np.ndarray:
        """Return the logits (height, width, class) of a part of a picture.

        Args:
            part: (height, width, channel), float32 from 0 to 255.
            statistics: of the whole picture, see :func:`monai_lwmisn.light.normalisation.statistics_of`.
        """
        values = normalise(part.transpose(2, 1, 0), from_facts(self.facts.normalisation), statistics)
        with nullcontext() if self._progress is None else self._progress.silent():
            logits = convert_to_numpy(self._evaluator.logits(MetaTensor(values)))
        return logits.transpose(2, 1, 0)

    def network_inputs(self, image: Image, affine: np.ndarray | None = None, name: str | None = None) -> torch.Tensor:
        """Return what the network gets of one image (B, channel, x, y): slices, windows or mirror images.

        Args:
            image: see :meth:`__call__`.
            affine: see :meth:`__call__`.
            name: see :meth:`__call__`.

        Raises:
            DataError: see :meth:`__call__`.
        """
        batches: list[torch.Tensor] = []

        def note(batch: torch.Tensor) -> torch.Tensor:
            batches.append(batch)
            return batch[:, :1]

        self._run(image, affine, name, lambda item: self._evaluator.inferer(item["image"].as_tensor()[None], note))
        return torch.cat(batches)

    def _run(
        self, image: Image, affine: np.ndarray | None, name: str | None, step: Callable[[dict[str, Any]], Result]
    ) -> Result:
        """Prepare an image, and take one step with it."""
        name = name_of(image, name)
        item: Any = {"image": str(image)}
        transforms = list(self._preprocessing.transforms)
        if isinstance(image, np.ndarray):
            item = {"image": self._as_loaded(image, affine, name)}
            transforms = [transform for transform in transforms if not isinstance(transform, LoadImaged)]
        try:
            for transform in transforms:
                item = transform(item)
            return step(item)
        except Exception as error:
            own = own_error(error)
            if own is error:
                raise
            raise own or DataError(explain(error, name)) from error

    def close(self) -> None:
        """Remove the temporary folder of a bundle that was a zip."""
        self._stack.close()

    def __enter__(self) -> Predictor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _as_loaded(self, image: np.ndarray, affine: np.ndarray | None, name: str) -> MetaTensor:
        """The array as MONAI's LoadImaged gives a file, channel first."""
        check_not_empty(image, name)
        if self.volumetric:
            values, meta = image, volume_metadata(image, check_affine(image, affine, name))
        else:
            values = convert_picture(image, name).swapaxes(0, 1)
            meta = picture_metadata(values)
        meta["filename_or_obj"] = name
        loaded = MetaTensor.ensure_torch_and_prune_meta(values.astype(np.float32), meta)
        return EnsureChannelFirst()(loaded)  # type: ignore[return-value]
