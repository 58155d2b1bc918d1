"""Segments one large picture: its windows, what follows on the label map, its objects, and the files of all that.

Each step is kept in a folder beside the masks, so that the same call goes on where an earlier one was ended.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ..errors import ConfigError, InputWarning
from ..image_checks import check_image
from ..instances import NOT_NUMBERED
from ..libraries import check_installed
from ..measures import Measures
from ..normalisation import from_facts, statistics_of
from ..postprocessing import WHOLE, postprocess_in_place
from ..quality import QualityEstimate
from .counting import count_values
from .job import COUNTED, WINDOWS, Job, Load, Open, Options, PartPredictor, take_share
from .objects import STEP as OBJECTS
from .objects import join_objects
from .results import measure_large, numbers_objects, write_results
from .windows import CORE, MARGIN, Window, windows_of
from .work import folder_beside

STEPS = "steps"
"""The steps that follow on the label map."""

__all__ = ["LargePicture", "Result"]


@dataclass(frozen=True)
class Result:
    """What was found in a large picture, see :class:`..outcomes.Outcome`."""

    files: tuple[Path, ...]
    warnings: tuple[str, ...]
    quality: float | None
    measures: Measures | None


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
        load: Load,
        options: Options,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.predictor, self.load, self.options, self.progress = predictor, load, options, progress

    def __call__(self, image: Path, paths: Mapping[str, Path], measured: bool, rated: bool) -> Result:
        """Segment one picture.

        Args:
            image: the file or folder.
            paths: of the files to write, see :func:`.results.output_paths`; none of them exists.
            measured: also measure it.
            rated: also estimate how good the mask is.

        Raises:
            DataError: it cannot be read.
            ConfigError: a library is missing, or the network needs the whole picture.
        """
        check_installed("zarr", f"{image}, which is taken by region,")
        self._check()
        folder = folder_beside(paths["seg"])
        job = Job(str(image), folder, self.predictor.facts, self.options.plane, measured, rated, CORE, MARGIN)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InputWarning)
            with job.opened() as opened:
                self._begin(opened)
                files, quality, measures = self._run(opened, paths)
            opened.work.remove()
        said = dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, InputWarning))
        return Result(files, tuple(said), quality, measures)

    def _check(self) -> None:
        facts = self.predictor.facts
        if facts.resize is not None or facts.in_channels != 3:
            what = "brings pictures to a size of its own" if facts.resize is not None else "takes channels of its own"
            raise ConfigError(
                f"The bundle {facts.name} {what}, and cannot take a part of a picture: take it whole, with --format "
                "png."
            )
        if any(step.get("step") in WHOLE for step in facts.postprocessing):
            raise ConfigError(
                f"The bundle {facts.name} has a post-processing that needs the whole picture: take it whole, with "
                "--format png."
            )

    def _begin(self, opened: Open) -> None:
        """Make the folder, and count the values of the picture."""
        job, source, work = opened.job, opened.source, opened.work
        status = os.stat(job.image)
        parts = {key: value for key, value in asdict(job).items() if key != "folder"}
        parts["network"] = self._network()
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

    def _network(self) -> list[float]:
        """What tells networks of one name apart: the mean and the deviation of its logits of a made picture."""
        picture = (np.arange(64 * 64 * 3).reshape(64, 64, 3) % 251).astype(np.float32)
        numbers = statistics_of(picture.transpose(2, 1, 0), from_facts(self.predictor.facts.normalisation))
        logits = self.predictor.part_logits(picture, numbers)
        return [round(float(logits.mean()), 3), round(float(logits.std()), 3)]

    def _run(self, opened: Open, paths: Mapping[str, Path]) -> tuple[tuple[Path, ...], float | None, Measures | None]:
        job, work, facts = opened.job, opened.work, opened.job.facts
        numbered = numbers_objects(facts)
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
            warnings.warn(NOT_NUMBERED, InputWarning, stacklevel=2)
        quality = None
        if job.rated:
            estimate = QualityEstimate()
            for kept in work.results(WINDOWS, (window.name for window in opened.windows)):
                estimate.add_sums(kept["sums"])
            quality = estimate()
        measures = measure_large(opened, objects) if job.measured else None
        return write_results(opened, paths, objects), quality, measures

    def _all_windows(self, opened: Open, step: str, take: Callable[[Window], None], numbered: bool) -> None:
        """Take a step of all windows that are not done, together with other processes."""
        context = get_context("spawn")
        load = self.load if step == WINDOWS else None
        left = opened.left(step)
        others = max(0, min(self.options.processes, len(left)) - 1)
        processes = [
            context.Process(
                target=take_share,
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

    def _report(self, opened: Open, numbered: bool) -> None:
        if self.progress is not None:
            done = opened.work.count(WINDOWS) + opened.work.count(OBJECTS)
            self.progress(done, len(opened.windows) * (2 if numbered else 1))
