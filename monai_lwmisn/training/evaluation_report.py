"""Writes metrics.json: the metrics of an evaluation, as means and for each case."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator

from monai_lwmisn.data.datasets.base import Item, image_name
from monai_lwmisn.files import sha256_of, write_json
from monai_lwmisn.networks import Genotype
from monai_lwmisn.profiling import network_costs
from monai_lwmisn.training.epochs_done import read_epochs_done
from monai_lwmisn.training.postprocessing import step_name

__all__ = ["EvaluationReport"]

CASE_METRICS = ("dsc_3d", "hd95", "surface_dice")
"""Metrics of whole volumes. All others are means over images: pictures or slices."""


class EvaluationReport:
    """Writes metrics.json when an evaluator has finished.

    The file holds:

    - ``mean``: each metric as a number. With several classes it is the mean over the classes, and ``metric_CLASS`` is
      the metric of one class. A value that is not defined is null.
    - ``cases``: for each item ``case``, ``image``, its metrics and, for volumes, its number of ``slices``; and
      ``quality``, the estimate of its Dice without the truth, where the evaluator has it.
    - ``split``, and ``empty_images``: the rule for images without foreground.
    - ``classes``: for each class the number of ``cases`` whose truth has it, in how many of these it was ``found``, so
      that truth and prediction overlap, and in how many others it was ``invented``. A class that no case has is in no
      mean.
    - ``counts``: the numbers of ``cases``, ``images``, ``empty_images`` (images without foreground) and
      ``hd95_undefined`` (volumes without a surface in truth or prediction, which the mean leaves out).
    - ``postprocessing``: the names of its steps.
    - ``training``: how far the training of the weights has come, see :class:`EpochsDone`; not of a bundle.
    - ``weights_sha256``: the checksum of the file of the weights, by which a bundle knows its own metrics.
    - the costs of the network, see :func:`monai_lwmisn.profiling.network_costs`.

    MONAI's ``MetricsSaver`` writes CSV files without costs, and no metric of each class and case in one file.

    Args:
        folder: folder of metrics.json; it is made if missing.
        items: the evaluated items, in the order of the loader.
        label_names: name of each class by its number as a text, without the background.
        volumetric: whether the items are volumes.
        split: name of the evaluated part of the data.
        empty_images: the rule that the metrics follow.
        surface_tolerance_mm: tolerance in mm of the surface Dice; it is written if surfaces were measured.
        other_data: another data set that is evaluated in place of a part; None for no other.
        costs_of: genotype file whose network's costs are measured and written too; None for no costs.
        weights: file of the weights that are measured; None for no checksum of them.
        postprocessing: the steps that were applied; their names are written.
        run: the run folder of their training; None for no mention of it.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        items: Sequence[Item],
        label_names: Mapping[str, str],
        volumetric: bool,
        split: str,
        empty_images: str,
        surface_tolerance_mm: float = 2.0,
        other_data: str | None = None,
        costs_of: str | os.PathLike | None = None,
        weights: str | os.PathLike | None = None,
        postprocessing: Sequence[Callable] = (),
        run: str | os.PathLike | None = None,
    ) -> None:
        self.path = Path(folder) / "metrics.json"
        self.items = list(items)
        self.label_names = [label_names[number] for number in sorted(label_names, key=int)]
        self.volumetric = volumetric
        self.split = "other" if other_data else split
        self.empty_images = empty_images
        self.surface_tolerance_mm = surface_tolerance_mm
        self.costs_of = costs_of
        self.weights = weights
        self.postprocessing = [step_name(step) for step in postprocessing]
        self.training = None if run is None else read_epochs_done(run)
        self._images_of_case: list[int] = []
        self._empty = 0
        self._classes: list[torch.Tensor] = []
        self._quality: list[float] = []

    def attach(self, engine: Engine) -> None:
        """Register with the evaluator."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._count)
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _start(self, engine: Engine) -> None:
        self._images_of_case, self._empty, self._classes, self._quality = [], 0, [], []

    def _count(self, engine: Evaluator) -> None:
        for output in engine.state.output:
            truth, prediction = (
                torch.as_tensor(output[key] if len(output[key]) == 1 else output[key][1:]) > 0
                for key in ("label", "pred")
            )
            images = truth.unbind(-1) if self.volumetric else [truth]
            self._images_of_case.append(len(images))
            self._empty += sum(not image.any() for image in images)
            masks = torch.stack([truth, prediction & truth, prediction])
            self._classes.append(masks.flatten(2).any(dim=2).cpu())
            if "quality" in output:
                self._quality.append(float(output["quality"]))

    def _write(self, engine: Evaluator) -> None:
        true, found, predicted = torch.stack(self._classes, dim=1)  # each (cases, classes)
        # A class that no case has would count as 1, so it is no part of any mean, nor of the pictures' order.
        details = engine.state.metric_details = {
            metric: values.masked_fill(~true.any(dim=0).to(values.device), math.nan)
            if values.shape[1] == true.shape[1]
            else values
            for metric, values in engine.state.metric_details.items()
        }
        report: dict[str, Any] = {
            "mean": self._row(details),
            "cases": [self._case(index, details) for index in range(len(self._images_of_case))],
            "split": self.split,
            "empty_images": self.empty_images,
            "postprocessing": self.postprocessing,
            "classes": {
                name: {
                    "cases": int(true[:, column].sum()),
                    "found": int(found[:, column].sum()),
                    "invented": int((predicted & ~true)[:, column].sum()),
                }
                for column, name in enumerate(self.label_names)
            },
            "counts": {
                "cases": len(self._images_of_case),
                "images": sum(self._images_of_case),
                "empty_images": self._empty,
            },
        }
        if self.training is not None:
            report["training"] = self.training.to_dict()
        if self.weights is not None:
            report["weights_sha256"] = sha256_of(self.weights)
        if self.costs_of is not None:
            report |= network_costs(Genotype.load(self.costs_of))
        if "hd95" in details:
            report["surface_tolerance_mm"] = self.surface_tolerance_mm
            undefined = ~torch.isfinite(details["hd95"]) & true.any(dim=0).to(details["hd95"].device)
            report["counts"]["hd95_undefined"] = int(undefined.any(dim=1).sum())
        write_json(report, self.path, indent=1)

    def _case(self, index: int, details: Mapping[str, torch.Tensor]) -> dict[str, Any]:
        start = sum(self._images_of_case[:index])
        images = self._images_of_case[index]
        own = {
            metric: values[index : index + 1] if metric in CASE_METRICS else values[start : start + images]
            for metric, values in details.items()
        }
        case = {"case": self.items[index]["case"], "image": image_name(self.items[index])}
        estimate = {"quality": self._quality[index]} if self._quality else {}
        return {**case, **({"slices": images} if self.volumetric else {}), **self._row(own), **estimate}

    def _row(self, details: Mapping[str, torch.Tensor]) -> dict[str, float | None]:
        """Return the means of raw values (images or cases, classes), first over the classes, then over the rest."""
        row: dict[str, float | None] = {}
        for metric, values in details.items():
            finite = torch.where(torch.isfinite(values), values.double(), math.nan)
            row[metric] = _number(finite.nanmean(dim=1).nanmean())
            if len(self.label_names) == finite.shape[1] > 1:
                for name, column in zip(self.label_names, finite.unbind(1), strict=True):
                    row[f"{metric}_{name.replace(' ', '_')}"] = _number(column.nanmean())
        return row


def _number(value: torch.Tensor) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number
