"""Takes the fingerprint of a data set: what its images and labels are, as plain numbers and as one page in words."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from monai.utils import ensure_tuple

from monai_lwmisn.auto.label_settings import label_settings
from monai_lwmisn.auto.observation import Observation, OfClass
from monai_lwmisn.auto.page import fingerprint_text
from monai_lwmisn.auto.sides import find_sides
from monai_lwmisn.config import fill, override
from monai_lwmisn.data.data_report import DataReport, check_data
from monai_lwmisn.data.datasets import recognise_dataset, scan_dataset
from monai_lwmisn.data.datasets.base import Item, image_name
from monai_lwmisn.data.derived_settings import derive_settings, given_names, read_label_values
from monai_lwmisn.errors import ConfigError, reason_of
from monai_lwmisn.files import parse_json, read_json, write_json
from monai_lwmisn.light.image_checks import COARSE
from monai_lwmisn.light.picture_files import read_picture_file
from monai_lwmisn.light.pictures import PICTURE_SUFFIXES
from monai_lwmisn.light.volumes import read_channels
from monai_lwmisn.settings import all_settings

ROUND = 0.4
"""Width of an object by its diameter above which it is a blob, as cells are."""

FEW_WITH_CLASS = 10
"""Images that must have a class, where most have not, so that each part of a split is likely to have some."""

MOST_COVERED = 0.6
"""Share of all pixels or voxels above which a class may be a background."""

OF_LABELS = {"data.instances", "data.label_names", "data.label_colours"}
"""Settings that say what the values of labels mean; a user who decides one decides them all."""

PERCENTILES = (0.5, 5.0, 50.0, 95.0, 99.5)


@dataclass(frozen=True)
class ClassFacts:
    """What is known of one class. Numbers are medians over the images that have it.

    Attributes:
        value, name: its value in the labels and its name.
        images: share of the images that have it.
        share: its share of all pixels or voxels.
        share_of_foreground: its share of those that are no background.
        width: its width in pixels; thin structures have few.
        diameter: diameter of its median region in pixels, on the slice where the class is largest.
        pieces: its regions.
        single: share of the images where its largest region holds nearly all of it.
        holes: share of holes in it.
        smallest: a size in pixels or voxels that 95 % of the images have no smaller region than.
    """

    value: int
    name: str
    images: float
    share: float
    share_of_foreground: float
    width: float
    diameter: float
    pieces: float
    single: float
    holes: float
    smallest: float


@dataclass(frozen=True)
class Fingerprint:
    """What the images and labels of a data set are.

    Attributes:
        dataset, path: its format and place.
        volumetric: whether the images are volumes.
        modality: CT, MR, microscopy or other.
        images, cases: numbers of images, and of the groups of them that a split keeps together.
        given: number of images of each part of a split that the data set itself gives.
        strata: number of images of each kind, where the format knows kinds.
        grouping: how the groups were found.
        channels: of an image as the network gets it; pictures have three for each file.
        channel_files: files of an image.
        stored_type: type of the values in the first file, such as uint16.
        coloured: share of the pictures that are in colour.
        size: extent of an image in pixels or voxels along each axis: least, median and most.
        spacing_mm: the same of the voxel spacing; empty for pictures.
        slices, slices_with_foreground: of all volumes, across :attr:`slice_axis`.
        values: percentiles of the values of each channel, by percentile as text.
        foreground_values: the same inside the classes.
        spread: ratio of the typical brightness of the images, 95th by 5th percentile of their medians.
        outliers: how many times the range from the 0.5th to the 99.5th percentile the range of all values is, in the
            median image.
        empty: share of the values of the median image that are its lowest, as outside of a brain that was cut out.
        bright_background, dark_foreground: share of the images with a bright background, and with a foreground that is
            darker than the rest.
        label_names, label_colours: settings of the labels, see docs/settings.md.
        instances: whether labels tell objects of one class apart.
        classes: what is known of each class.
        sides: for each axis on which a mirror image would be wrong, the reason.
        warnings: what their owner should know of images that are used all the same.
    """

    dataset: str
    path: str
    volumetric: bool
    modality: str
    images: int
    cases: int
    channels: int
    channel_files: int
    stored_type: str
    coloured: float
    size: dict[str, list[int]]
    label_names: dict[str, str]
    instances: bool
    classes: list[ClassFacts]
    values: list[dict[str, float]]
    foreground_values: list[dict[str, float]]
    spread: float
    outliers: float
    empty: float
    bright_background: float
    dark_foreground: float
    given: dict[str, int] = field(default_factory=dict)
    strata: dict[str, int] = field(default_factory=dict)
    grouping: list[str] = field(default_factory=list)
    spacing_mm: dict[str, list[float]] = field(default_factory=dict)
    slices: int = 0
    slices_with_foreground: int = 0
    label_colours: dict[str, int] | None = None
    sides: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def anisotropy(self) -> float:
        """The largest median voxel spacing by the smallest; 1 for pictures."""
        spacing = self.spacing_mm.get("median", [1.0])
        return max(spacing) / min(spacing)

    @property
    def slice_axis(self) -> int:
        """The axis that volumes are sliced along: that of the largest spacing, the last of nearly equal ones."""
        return _slice_axis(self.spacing_mm["median"])

    @property
    def plane(self) -> tuple[int, int]:
        """The axes of a slice; those of a picture are 0 and 1."""
        first, second = (axis for axis in range(3) if axis != (self.slice_axis if self.volumetric else 2))
        return first, second

    def to_text(self) -> str:
        """Return the page in words (Markdown)."""
        return fingerprint_text(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, completely or not at all.

        Raises:
            CheckpointError: the file cannot be written.
        """
        write_json(dataclasses.asdict(self), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Fingerprint:
        """Read what :meth:`save` wrote.

        Raises:
            ConfigError: the file cannot be read or is no fingerprint.
        """
        content = read_json(Path(path))
        try:
            return cls(**{**content, "classes": [ClassFacts(**facts) for facts in content["classes"]]})
        except (KeyError, TypeError) as error:
            raise ConfigError(f"{path} is no fingerprint ({reason_of(error)}): remove it to take it anew.") from error


def take_fingerprint(
    path: str | os.PathLike[str], settings: Mapping[str, Any] | None = None, progress: bool = True
) -> Fingerprint:
    """Look at a data set: read all its labels, then check and measure all images with their labels.

    Args:
        path: a folder in one of the forms of docs/inputs.md, a CSV table, or a zip of the Data Science Bowl.
        settings: values that the user decides, by their keys; those of the section data count here.
        progress: whether to show progress bars on a terminal.

    Raises:
        DataError: it has none of the forms, or the check of the data finds a problem; the first one is named.
    """
    seen = Observation()
    report, data = check_own_data(path, settings, progress, seen)
    report.raise_for_problems()
    return _fingerprint(report, seen, data)


def check_own_data(
    path: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    progress: bool = True,
    observe: Observation | None = None,
) -> tuple[DataReport, dict[str, Any]]:
    """Check a data set that there is no preset for.

    Args:
        path, settings, progress: see :func:`take_fingerprint`.
        observe: is called with each image and label that have no problem.

    Returns:
        The report, with all problems; and the section ``data`` with which the data can be loaded as they are.

    Raises:
        DataError: the data have none of the forms, or it is not clear what their labels mean.
    """
    used = {key for key, setting in all_settings().items() if key.startswith("data.") and "evaluate" in setting.stages}
    asked = {key: value for key, value in (settings or {}).items() if key in used}
    dataset = asked.get("data.dataset") or recognise_dataset(path)
    scan = scan_dataset(dataset, path)
    if scan.problems:
        return DataReport(dataset, os.path.abspath(path), problems=list(scan.problems)), {}
    data = _data_settings(dataset, scan.items, Path(path), asked, progress)
    return check_data(dataset, path, data, progress=progress, observe=observe), data


def _data_settings(
    dataset: str, items: Sequence[Item], path: Path, asked: Mapping[str, Any], progress: bool
) -> dict[str, Any]:
    """The section ``data`` with which the data can be loaded as they are."""
    picture = image_name(items[0]).lower().endswith(PICTURE_SUFFIXES)
    labels = read_label_values(items, progress)
    own: dict[str, Any] = {"dataset": dataset, "modality": "other", "volumetric": not picture}
    own["instances"] = picture and labels.number_objects
    given = given_names(path) if path.is_dir() else {}
    if OF_LABELS.isdisjoint(asked):
        own |= label_settings(labels, picture, given)
    data = override({"evaluate": fill("evaluate", {"data": own})}, asked)["evaluate"]["data"]
    # Across which axis volumes are sliced is decided by what is seen here.
    data["loading"] = [step for step in data["loading"] if not step["_target_"].endswith(".AcquisitionAxisd")]
    derived = derive_settings(data, path, progress=progress)
    return data | {key.removeprefix("data."): value for key, value in derived.items()}


def _fingerprint(report: DataReport, seen: Observation, data: Mapping[str, Any]) -> Fingerprint:
    items, volumetric = report.items, bool(data["volumetric"])
    first = items[0]
    files = ensure_tuple(first["image"])
    stored = read_channels([files[0]])[0] if volumetric else read_picture_file(files[0]).values
    total, foreground = seen.voxels.total(), seen.voxels.total() - seen.voxels[0]
    names = {int(value): name for value, name in data["label_names"].items()}
    classes = [
        _facts(value, names[value], seen.classes[value], len(items), seen.voxels[value] / total,
               seen.voxels[value] / foreground)
        for value in sorted(names)
    ]  # fmt: skip
    spacing = _range_of(seen.spacings, float) if volumetric else {}
    slices = [each[_slice_axis(spacing["median"])] for each in seen.slices]
    medians = np.array([np.median(values[0]) for values in seen.values])
    low, high = np.percentile(medians, (5, 95))
    return Fingerprint(
        dataset=report.dataset,
        path=report.path,
        volumetric=volumetric,
        modality=_modality(report, seen, first, classes, volumetric),
        images=len(items),
        cases=report.groups,
        given={part: count for part, count in Counter(item.get("part") for item in items).items() if part},
        strata=report.strata,
        grouping=report.grouping,
        channels=int(data["in_channels"]),
        channel_files=len(files),
        stored_type=str(stored.dtype),
        coloured=seen.coloured / len(items),
        size=_range_of(seen.sizes, int),
        spacing_mm=spacing,
        slices=sum(count for count, _ in slices),
        slices_with_foreground=sum(count for _, count in slices),
        values=_percentiles(seen.values),
        foreground_values=_percentiles(seen.foreground),
        spread=float(high / low) if low > 0 else 1.0,
        outliers=float(np.median([_range_by_percentiles(values[0]) for values in seen.values])),
        empty=float(np.median(seen.darkest)),
        bright_background=float(np.mean(seen.bright)),
        dark_foreground=float(np.mean(seen.darker or [False])),
        label_names=dict(data["label_names"]),
        label_colours=data["label_colours"],
        instances=bool(data["instances"]),
        classes=classes,
        sides=find_sides(seen, names, volumetric),
        warnings=[*report.warnings, *_remarks(classes, len(items))],
    )


def _facts(value: int, name: str, seen: OfClass, images: int, share: float, share_of_foreground: float) -> ClassFacts:
    return ClassFacts(
        value=value,
        name=name,
        images=len(seen.voxels) / images,
        share=share,
        share_of_foreground=share_of_foreground,
        width=float(np.median(seen.width)),
        diameter=float(np.median(seen.diameter)),
        pieces=float(np.median(seen.pieces)),
        single=float(np.mean(np.array(seen.largest) > 0.99)),
        holes=float(np.median(seen.holes)),
        smallest=float(np.percentile(seen.smallest, 5)),
    )


def _slice_axis(spacing: Sequence[float]) -> int:
    return 2 if max(spacing) <= COARSE * spacing[2] else int(np.argmax(spacing))


def _remarks(classes: Sequence[ClassFacts], images: int) -> list[str]:
    """Sentences about classes that may not be what is meant, or that few images have."""
    rare = [
        f"{facts.name} is in {round(facts.images * images)} of {images} images: a part of a split may have none, and "
        "its score rests on few."
        for facts in classes
        if facts.images < 0.5 and facts.images * images < FEW_WITH_CLASS
    ]
    return rare + [
        f"{facts.name} covers {100 * facts.share:.0f} % of all: if it is the background, or the field of view, give "
        "labels in which the background has the value 0."
        for facts in classes
        if facts.share > MOST_COVERED
    ]


def _modality(
    report: DataReport, seen: Observation, first: Item, classes: Sequence[ClassFacts], volumetric: bool
) -> str:
    """What made the images: as ``dataset.json`` says, otherwise by the values of volumes and the kind of pictures."""
    if not volumetric:
        # Pieces of vessels are many too, but long.
        many = any(facts.pieces >= 5 and facts.width > ROUND * facts.diameter for facts in classes)
        return "microscopy" if many else "other"
    said = " ".join(_said_channels(Path(report.path))).upper()
    if re.search(r"\bCT\b", said):
        return "CT"
    if not said and (report.dataset == "chaos_ct" or np.mean(seen.air) > 0.5):
        return "CT"
    return "MR"


def _said_channels(path: Path) -> list[str]:
    """The names of the channels in ``dataset.json``, as the Decathlon and nnU-Net write them."""
    try:
        content = parse_json((path / "dataset.json").read_text(encoding="utf-8"))
        found = content.get("channel_names") or content.get("modality") or {}
        return [str(name) for name in found.values()]
    except (OSError, ValueError, AttributeError):
        return []


def _range_of(rows: Sequence[Sequence[float]], kind: type) -> dict[str, list]:
    array = np.array(rows, dtype=float)
    found = {"least": array.min(axis=0), "median": np.median(array, axis=0), "most": array.max(axis=0)}
    digits = 0 if kind is int else 4
    return {name: [kind(round(float(value), digits)) for value in values] for name, values in found.items()}


def _percentiles(samples: Sequence[np.ndarray]) -> list[dict[str, float]]:
    """The percentiles of all values of each channel, from samples (channel, values) of each image."""
    joined = np.concatenate([sample for sample in samples if sample.size], axis=1)
    table = np.percentile(joined, PERCENTILES, axis=1).T
    return [{f"{key:g}": float(value) for key, value in zip(PERCENTILES, row, strict=True)} for row in table]


def _range_by_percentiles(values: np.ndarray) -> float:
    low, high = np.percentile(values, (0.5, 99.5))
    return float(np.ptp(values) / (high - low)) if high > low else 1.0
