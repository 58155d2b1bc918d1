"""Segments one large picture: its windows, what follows on the label map, its objects, and the files of all that.

Each step is kept in a folder beside the masks, so that the same call goes on where an earlier one was ended.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from importlib.util import find_spec
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import ConfigError, InputWarning
from ..facts import Facts
from ..folders import is_zarr
from ..image_checks import check_image
from ..masks import Prediction
from ..measures import Measures
from ..normalisation import from_facts
from ..overlays import LARGEST, draw_overlay
from ..pictures import bring_to_range
from ..postprocessing import postprocess_in_place
from ..quality import QualityEstimate
from ..regions import JoinedRegions, Place
from ..writers import mask_writer
from .counting import Counts, count_values
from .geojson import LARGEST_SIDE, write_geojson
from .objects import STEP as OBJECTS
from .objects import Objects, join_objects, separate_block
from .outputs import pyramid_of, write_ome_tiff, write_ome_zarr
from .sources import Source, library, open_source
from .windows import CORE, MARGIN, Window, windows_of
from .work import Work

WINDOWS, COUNTED, STEPS = "windows", "counted", "steps"
"""The steps of the work beside that of the objects."""

LARGE_FORMATS = {"ome-tiff": ".ome.tif", "ome-zarr": ".ome.zarr"}
"""The endings of the masks of large pictures by the name of their format."""

__all__ = ["LARGE_FORMATS", "LargePicture", "Options", "PartPredictor", "Result", "output_paths"]


class PartPredictor(Protocol):
    """A network that takes a part of a picture, with what the whole picture's values are.

    Attributes:
        facts: what is around the network.
    """

    @property
    def facts(self) -> Facts:
        """See above."""

    def part_logits(self, part: np.ndarray, statistics: np.ndarray) -> np.ndarray:
        """Map a part (height, width, channel), float32 from 0 to 255, to logits (height, width, class)."""


@dataclass(frozen=True)
class Options:
    """What to do with each large picture of a call.

    Args:
        format: of the masks, see :data:`LARGE_FORMATS`; None for that of the picture.
        plane: the number from 1 on along each axis of which one place is taken.
        geojson: also write the objects as GeoJSON.
        processes: that work on the windows at a time.
    """

    format: str | None = None
    plane: Mapping[str, int] = field(default_factory=dict)
    geojson: bool = False
    processes: int = 1

    def takes_all(self) -> bool:
        """Return whether pictures of any size are taken so."""
        return self.format in LARGE_FORMATS or bool(self.plane) or self.geojson


@dataclass(frozen=True)
class Result:
    """What was found in a large picture, see :class:`..segment.Outcome`."""

    files: tuple[Path, ...]
    warnings: tuple[str, ...]
    quality: float | None
    measures: Measures | None


def output_paths(image: Path, base: Path, facts: Facts, options: Options, overlay: bool) -> dict[str, Path]:
    """Return the files of the masks of a picture by what they hold: ``seg``, ``instances``, ``geojson``, ``overlay``.

    Args:
        image: the input.
        base: their name without ending.
        facts: of the network.
        options: of the call.
        overlay: whether there is a drawing.
    """
    numbered = facts.instances and find_spec("skimage") is not None
    paths = {}
    if (options.format or ("ome-zarr" if is_zarr(image) else "ome-tiff")) == "ome-zarr":
        paths["seg"] = base.with_name(f"{base.name}_labels.ome.zarr")
    else:
        kinds = ("seg", "instances") if numbered else ("seg",)
        paths = {kind: base.with_name(f"{base.name}_{kind}.ome.tif") for kind in kinds}
    if options.geojson and numbered:
        paths["geojson"] = base.with_name(f"{base.name}_objects.geojson")
    if overlay:
        paths["overlay"] = base.with_name(f"{base.name}_overlay.png")
    return paths


@dataclass(frozen=True)
class _Job:
    """What a process needs to know; it is sent to others."""

    image: str
    folder: Path
    facts: Facts
    plane: Mapping[str, int]
    measured: bool
    rated: bool
    core: int
    margin: int

    @contextmanager
    def opened(self) -> Iterator[_Open]:
        """Open the picture and the folder."""
        source = open_source(self.image, self.plane)
        try:
            yield _Open(self, source, Work(self.folder, source.shape, self.core))
        finally:
            source.close()


@dataclass(frozen=True)
class _Open:
    """A job with its picture and its folder."""

    job: _Job
    source: Source
    work: Work

    @cached_property
    def windows(self) -> list[Window]:
        return list(windows_of(self.source.shape, self.job.core, self.job.margin))

    @cached_property
    def counts(self) -> Counts:
        kept = self.work.result(COUNTED)
        return Counts(kept["values"], kept["counts"], (kept["ends"][0], kept["ends"][1]) if len(kept["ends"]) else None)

    @cached_property
    def statistics(self) -> np.ndarray:
        return self.counts.statistics(from_facts(self.job.facts.normalisation), self.job.facts.in_channels)

    def left(self, step: str) -> list[Window]:
        """The windows that are not done."""
        return [window for window in self.windows if not self.work.is_done(step, window.name)]

    def segment(self, predictor: PartPredictor, window: Window) -> None:
        """Bring a window through the network, and keep its classes."""
        part = bring_to_range(self.source[window.part], self.counts.ends)
        if part.shape[-1] == 1:
            part = np.repeat(part, 3, axis=-1)
        logits = np.moveaxis(predictor.part_logits(part, self.statistics)[window.inner], -1, 0)
        classes = logits[0] >= 0 if len(logits) == 1 else logits.argmax(axis=0)
        self.work.array("labels", "u1")[window.core] = classes.astype(np.uint8)
        kept = {}
        if self.job.rated:
            estimate = QualityEstimate()
            estimate.add(logits)
            kept["sums"] = estimate.sums
        self.work.finish(WINDOWS, window.name, **kept)

    def separate(self, window: Window) -> None:
        """Number the objects of a window."""
        separate_block(self.work, window, self.source if self.job.measured else None)


class LargePicture:
    """Segments large pictures with one network.

    Args:
        predictor: the network.
        load: opens it in another process; it is sent there.
        options: of the call.
        progress: called with the windows done, and all of a picture; each window counts once for its classes, and
            once for its objects.
    """

    def __init__(
        self,
        predictor: PartPredictor,
        load: Callable[[], AbstractContextManager[Any]],
        options: Options,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.predictor, self.load, self.options, self.progress = predictor, load, options, progress
        facts = predictor.facts
        if facts.resize is not None or facts.in_channels != 3:
            what = "brings pictures to a size of its own" if facts.resize is not None else "takes channels of its own"
            raise ConfigError(
                f"The bundle {facts.name} {what}, and cannot take a part of a picture: give smaller ones."
            )
        if any(step.get("step") == "of_classes" for step in facts.postprocessing):
            raise ConfigError(
                f"The bundle {facts.name} has a post-processing of single classes, which needs the whole picture: give "
                "smaller ones."
            )

    def __call__(self, image: Path, paths: Mapping[str, Path], measured: bool, rated: bool) -> Result:
        """Segment one picture.

        Args:
            image: the file or folder.
            paths: of the files to write, see :func:`output_paths`; none of them exists.
            measured: also measure it.
            rated: also estimate how good the mask is.

        Raises:
            DataError: it cannot be read.
            ConfigError: a library is missing.
        """
        folder = paths["seg"].with_name(f".partial.{paths['seg'].name}.work")
        job = _Job(str(image), folder, self.predictor.facts, self.options.plane, measured, rated, CORE, MARGIN)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InputWarning)
            with job.opened() as opened:
                self._begin(opened)
                files, quality, measures = self._run(opened, paths)
            opened.work.remove()
        said = dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, InputWarning))
        return Result(files, tuple(said), quality, measures)

    def _begin(self, opened: _Open) -> None:
        """Make the folder, and count the values of the picture."""
        job, source, work = opened.job, opened.source, opened.work
        status = os.stat(job.image)
        parts = {key: value for key, value in asdict(job).items() if key != "folder"}
        work.begin({**parts, "modified": status.st_mtime_ns, "size": status.st_size, "shape": source.shape})
        work.array("labels", "u1")
        work.array("pieces", "u4")
        if not work.is_done(COUNTED):
            counts = count_values(source, (window.core for window in windows_of(source.shape, job.core, 0)))
            work.finish(COUNTED, values=counts.values, counts=counts.counts, ends=np.array(counts.ends or ()))
        facts = job.facts
        for sentence in check_image(
            opened.counts.sample(facts.in_channels), facts.in_channels, facts.modality, job.image
        ):
            warnings.warn(sentence, InputWarning, stacklevel=2)

    def _run(self, opened: _Open, paths: Mapping[str, Path]) -> tuple[tuple[Path, ...], float | None, Measures | None]:
        job, work, facts = opened.job, opened.work, opened.job.facts
        numbered = facts.instances and find_spec("skimage") is not None
        self._all_windows(opened, WINDOWS, partial(opened.segment, self.predictor), numbered)
        for number, fact in enumerate(facts.postprocessing):
            if not work.is_done(STEPS, str(number)):
                places = [window.core for window in opened.windows]
                postprocess_in_place(work.array("labels", "u1"), fact, places)
                work.finish(STEPS, str(number))
        objects = None
        if numbered:
            self._all_windows(opened, OBJECTS, opened.separate, numbered)
            objects = join_objects(work, opened.windows, facts.label_names["1"])
            numbers = work.array("numbers", "u4")
            for window in opened.windows:
                numbers[window.core] = objects.numbers[window.row, window.column][
                    work.array("pieces", "u4")[window.core]
                ]
        elif facts.instances:
            warnings.warn(
                f"The objects of {job.image} are not numbered, which scikit-image does: pip install scikit-image. The "
                "mask is whole.",
                InputWarning,
                stacklevel=2,
            )
        quality = None
        if job.rated:
            estimate = QualityEstimate()
            for kept in work.results(WINDOWS, (window.name for window in opened.windows)):
                estimate.add_sums(kept["sums"])
            quality = estimate()
        measures = _measure(opened, objects) if job.measured else None
        return self._write(opened, paths, objects), quality, measures

    def _all_windows(self, opened: _Open, step: str, take: Callable[[Window], None], numbered: bool) -> None:
        """Take a step of all windows that are not done, together with other processes."""
        context = get_context("spawn")
        load = self.load if step == WINDOWS else None
        left = opened.left(step)
        others = min(self.options.processes, len(left)) - 1
        processes = [
            context.Process(
                target=_take_share,
                args=(opened.job, load, [one.name for one in left[number :: others + 1]]),
                daemon=True,
            )
            for number in range(1, others + 1)
        ]
        for process in processes:
            process.start()
        try:
            for window in left[:: others + 1]:
                take(window)
                self._report(opened, numbered)
            for process in processes:
                process.join()
            for window in opened.left(step):  # those of a process that failed
                take(window)
                self._report(opened, numbered)
        finally:
            for process in processes:
                process.terminate()

    def _report(self, opened: _Open, numbered: bool) -> None:
        if self.progress is not None:
            done = opened.work.count(WINDOWS) + opened.work.count(OBJECTS)
            self.progress(done, len(opened.windows) * (2 if numbered else 1))

    def _write(self, opened: _Open, paths: Mapping[str, Path], objects: Objects | None) -> tuple[Path, ...]:
        work, source, facts = opened.work, opened.source, opened.job.facts
        maps = {"seg": pyramid_of(work, "labels", "u1")}
        if objects is not None:
            maps["instances"] = pyramid_of(work, "numbers", "u4")
        written = {kind: path.with_name(f".partial.{path.name}") for kind, path in paths.items()}
        try:
            if paths["seg"].suffix == ".zarr":
                version = (
                    library("zarr", opened.job.image).open_group(opened.job.image, mode="r").metadata.zarr_format
                    if is_zarr(opened.job.image)
                    else 2
                )
                write_ome_zarr(written["seg"], maps, facts.label_names, source.pixel, version)
            else:
                for kind, levels in maps.items():
                    write_ome_tiff(written[kind], levels, source.pixel)
            if "geojson" in paths and objects is not None:
                left_out = write_geojson(written["geojson"], maps["instances"][0], objects.boxes, objects.class_name)
                if left_out:
                    warnings.warn(
                        f"{left_out} objects of {opened.job.image} are larger than {LARGEST_SIDE} pixels and have no "
                        "polygon.",
                        InputWarning,
                        stacklevel=2,
                    )
            if "overlay" in paths:
                mask_writer(".png", _overlay(opened, maps))(written["overlay"])
            for kind, path in paths.items():
                written[kind].rename(path)
        finally:
            for path in written.values():
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return tuple(sorted(paths.values()))


def _take_share(job: _Job, load: Callable[[], AbstractContextManager[Any]] | None, names: list[str]) -> None:
    """Take a step of some windows in a process of its own; the first process says what goes wrong."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends this one
    try:
        with job.opened() as opened, _predictor(load) as predictor:
            take = opened.separate if predictor is None else partial(opened.segment, predictor)
            for window in (one for one in opened.windows if one.name in names):
                parent = parent_process()
                if parent is None or not parent.is_alive():
                    break
                take(window)
    except Exception:
        sys.exit(1)


@contextmanager
def _predictor(load: Callable[[], AbstractContextManager[Any]] | None) -> Iterator[PartPredictor | None]:
    if load is None:
        yield None
        return
    with load() as predictor:
        yield predictor


def _measure(opened: _Open, objects: Objects | None) -> Measures:
    """The rows of the tables, see :func:`..measures.measure`."""
    labels, rows = opened.work.array("labels", "u1"), []
    for value, name in opened.job.facts.label_names.items():
        if objects is not None:
            areas, total = objects.areas, objects.sums[2].sum()
        else:
            places = [window.core for window in opened.windows]
            areas = JoinedRegions(partial(_is_class, labels, int(value)), labels.shape, places).sizes
            total = sum(opened.source[place].mean(axis=-1)[labels[place] == int(value)].sum() for place in places)
        row: dict[str, Any] = {"class": name, "objects": len(areas), "area_px": int(areas.sum())}
        row["mean_diameter_px"] = float(np.sqrt(4 * areas / np.pi).mean()) if len(areas) else None
        row["mean_intensity"] = float(total / areas.sum()) if len(areas) else None
        rows.append(row)
    return Measures(tuple(rows), objects if objects is not None else ())


def _is_class(labels: Any, value: int, place: Place) -> np.ndarray:
    return labels[place] == value


def _overlay(opened: _Open, maps: Mapping[str, list[Any]]) -> np.ndarray:
    """A drawing of the picture thinned out, see :func:`..overlays.draw_overlay`."""
    thin = -(-max(opened.source.shape) // LARGEST)
    place = (slice(None, None, thin), slice(None, None, thin))
    numbers = maps["instances"][0][place].astype(np.int32) if "instances" in maps else None
    return draw_overlay(opened.source[place], Prediction(maps["seg"][0][place], numbers))
