"""Puts the content of metrics.json into words: each metric by its name, the most telling first, and what to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["MetricRow", "metric_name", "metric_remarks", "metric_rows"]

OF_CASES = {
    "dsc_3d": "Dice per case in 3D",
    "surface_dice": "surface Dice per case",
    "hd95": "95 % Hausdorff distance per case, mm",
}
"""Metrics of whole volumes."""

OF_IMAGES = {
    "dsc": "Dice per {image}",
    "miou": "intersection over union per {image}",
    "f1_50": "F1 of objects at an IoU of 0.5 per {image}",
    "aji": "aggregated Jaccard index of objects per {image}",
    "dsc_256": "Dice per {image} at 256x256, without post-processing",
    "miou_256": "intersection over union per {image} at 256x256, without post-processing",
}
"""Metrics of pictures, or of the slices of volumes."""

EMPTY_SLICES = {"one": "empty slices count as 1", "skip": "without empty slices"}


class MetricRow(NamedTuple):
    """A line of a table of metrics.

    Attributes:
        name: of the metric, or of a class whose metric it is.
        value: as a text, four digits or the reason why there is none.
        of_class: whether it is a class.
    """

    name: str
    value: str
    of_class: bool


def metric_name(metric: str, volumetric: bool, empty_images: str | None = None) -> str:
    """Return the name of a metric in words.

    Args:
        metric: its key in metrics.json.
        volumetric: whether the images are slices of volumes.
        empty_images: the rule for empty slices, which the name of a metric of slices then says.
    """
    if metric in OF_CASES:
        return OF_CASES[metric]
    name = OF_IMAGES.get(metric, metric).format(image="slice" if volumetric else "image")
    return f"{name} ({EMPTY_SLICES[empty_images]})" if volumetric and empty_images in EMPTY_SLICES else name


def metric_rows(metrics: Mapping[str, Any], volumetric: bool, published_size: bool = True) -> Iterator[MetricRow]:
    """Yield the means of an evaluation: those of whole volumes first, each followed by those of the classes.

    Args:
        metrics: the content of metrics.json.
        volumetric: whether the images are volumes.
        published_size: whether the metrics at 256x256, which are for comparisons with the paper, are among them.
    """
    mean, classes = metrics["mean"], metrics.get("classes", {})
    for metric in (*OF_CASES, *OF_IMAGES):
        if metric not in mean or (metric.endswith("_256") and not published_size):
            continue
        name = metric_name(metric, volumetric, metrics.get("empty_images", "one"))
        yield MetricRow(name, _value(mean[metric], metrics, [*classes]), of_class=False)
        for label in classes if len(classes) > 1 else ():
            key = f"{metric}_{label.replace(' ', '_')}"
            if key in mean:
                yield MetricRow(label, _value(mean[key], metrics, [label]), of_class=True)


def metric_remarks(metrics: Mapping[str, Any], volumetric: bool) -> Iterator[str]:
    """Yield a sentence for each fact without which the means would be misread.

    Args:
        metrics: the content of metrics.json. One of a former release has no counts of classes.
        volumetric: whether the images are volumes.
    """
    counts, part = metrics["counts"], _part(metrics)
    unit = "case" if volumetric else "image"
    skip = metrics.get("empty_images") == "skip"
    rule = "the means leave them out" if skip else "each counts as 1 where none is predicted, otherwise as 0"
    for name, found in metrics.get("classes", {}).items():
        cases, total = found["cases"], counts["cases"]
        if cases == 0:
            wrongly = f", but it was predicted in {_number(found['invented'], unit)}" if found["invented"] else ""
            yield f"{name} is not in {part}{wrongly}: the means leave it out."
            continue
        if found["found"] == 0:
            yield f"{name} was never found: {part} has it in {_number(cases, unit)}, where no prediction overlaps it."
        if cases < total:
            yield f"{name} is missing in {total - cases} of {_number(total, unit)}: {rule}."
    if volumetric and counts.get("empty_images"):
        yield f"{counts['empty_images']} of {_number(counts['images'], 'slice')} are without foreground: {rule}."
    if counts.get("hd95_undefined"):
        yield (
            f"The Hausdorff distance is not defined in {counts['hd95_undefined']} of "
            f"{_number(counts['cases'], 'case')}, where a class has no surface in truth or prediction: the mean leaves "
            "these out."
        )


def _part(metrics: Mapping[str, Any]) -> str:
    split = metrics["split"]
    return {"all": "the data", "other": "the data"}.get(split, f"the {split} part")


def _value(value: float | None, metrics: Mapping[str, Any], classes: list[str]) -> str:
    if value is not None:
        return f"{value:.4f}"
    absent = classes and all(metrics["classes"][name]["cases"] == 0 for name in classes)
    return f"not in {_part(metrics)}" if absent else "not defined"


def _number(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"
