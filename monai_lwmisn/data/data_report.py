"""Checks a whole data set before anything is computed, and reports its content and its problems."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from tqdm import tqdm

from monai_lwmisn.data.datasets import first_of, scan_dataset
from monai_lwmisn.data.datasets.base import Item, image_name
from monai_lwmisn.data.groups import group_items
from monai_lwmisn.data.label_checks import LabelChecks, label_is_not_turned, label_name
from monai_lwmisn.data.transforms import CheckLabeld
from monai_lwmisn.errors import ConfigError, DataError, InputWarning, counted, explain, own_error
from monai_lwmisn.inference.label_values import LabelValuesError

MOST_LISTED = 12
"""The most sizes, colours and warnings that a report lists one by one."""


@dataclass
class DataReport:
    """Holds the content and the problems of a data set.

    Attributes:
        dataset: the format of the data set.
        path: absolute path of the data set.
        items: the pairs of image and label that have no problem.
        images: number of all pairs of image and label, with or without problems.
        strata: number of images per stratum; empty if the data set has no strata.
        groups: number of cases that a split keeps together: near-duplicates, tiles of one image, images of a patient.
        grouping: how these were found, see :class:`~monai_lwmisn.data.groups.Grouping`.
        parts: number of cases in each part of the split; empty where it was not asked for.
        few: a sentence where these are too few.
        sizes: number of images per size in voxels, written ``256x256`` (x first).
        spacing_mm: smallest and largest voxel spacing per axis in mm; empty for pictures, and without real spacing.
        label_shares: share of all voxels per label value.
        label_colours: share of the pixels of labels in colour per colour.
        without_foreground: number of images whose label is background only.
        warnings: one sentence each: what their owner should know of images that are used all the same.
        problems: one sentence each: what is wrong, in which file, what to do.
    """

    dataset: str
    path: str
    items: list[Item] = field(default_factory=list)
    images: int = 0
    strata: dict[str, int] = field(default_factory=dict)
    groups: int = 0
    grouping: list[str] = field(default_factory=list)
    parts: dict[str, int] = field(default_factory=dict)
    few: str | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    spacing_mm: list[tuple[float, float]] = field(default_factory=list)
    label_shares: dict[float, float] = field(default_factory=dict)
    label_colours: dict[str, float] = field(default_factory=dict)
    without_foreground: int = 0
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def raise_for_problems(self) -> None:
        """Raise an error if there is a problem.

        Raises:
            DataError: the first problem.
        """
        if self.problems:
            raise DataError(first_of(self.problems))

    def warn(self) -> None:
        """Issue each of the warnings as :class:`InputWarning`."""
        for sentence in self.warnings:
            warnings.warn(sentence, InputWarning, stacklevel=3)

    def to_text(self) -> str:
        """Return the report as text: the content first, then one line per problem."""
        lines = [f"{self.path}, read as {self.dataset}: images with labels {self.images}, cases {self.groups}"]
        lines += self.grouping
        if self.parts:
            lines.append("cases in each part: " + ", ".join(f"{part} {count}" for part, count in self.parts.items()))
        if self.few is not None:
            lines.append(f"warning: {self.few}")
        if self.strata:
            lines.append("strata: " + ", ".join(f"{name} {count}" for name, count in self.strata.items()))
        if self.sizes:
            lines.append("sizes: " + self._sizes_text())
        if self.spacing_mm:
            ranges = (f"{low:g}" if np.isclose(low, high) else f"{low:g}-{high:g}" for low, high in self.spacing_mm)
            lines.append("spacing: " + " x ".join(ranges) + " mm")
        shares = (f"{value:g}: {100 * share:.2f} %" for value, share in self.label_shares.items())
        lines.append("label shares: " + ", ".join(shares) + f"; images without foreground: {self.without_foreground}")
        if self.label_colours:
            colours = [f"{name}: {100 * share:.2f} %" for name, share in self.label_colours.items()]
            lines.append("label colours: " + ", ".join(_first(colours)))
        lines.extend(f"warning: {warning}" for warning in _first(self.warnings))
        lines.extend(f"problem: {problem}" for problem in self.problems)
        if not self.problems:
            lines.append("no problems")
        return "\n".join(lines)

    def _sizes_text(self) -> str:
        if len(self.sizes) <= MOST_LISTED or len({size.count("x") for size in self.sizes}) > 1:
            return ", ".join(f"{size} ({count})" for size, count in self.sizes.items())
        axes = np.array([[int(length) for length in size.split("x")] for size in self.sizes]).T
        return " x ".join(f"{axis.min()}-{axis.max()}" for axis in axes) + f" ({len(self.sizes)} sizes)"


def _first(texts: Sequence[str]) -> list[str]:
    more = len(texts) - MOST_LISTED
    return [*texts[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])]


def check_data(
    dataset: str,
    path: str | os.PathLike[str],
    data: Mapping[str, Any],
    *,
    learned: bool = True,
    progress: bool = True,
    observe: Callable[[Item, Mapping[str, Any]], None] | None = None,
) -> DataReport:
    """Load a whole data set as a training does, and report its content and its problems.

    Args:
        dataset: a name in ``DATASETS``.
        path: the folder or zip as downloaded.
        data: the section ``data`` of the configuration of a search, training or evaluation.
        learned: whether the data are to be learned from, so that each class has to be in them.
        progress: whether to show a progress bar on a terminal.
        observe: is called with each item that has no problem, and its ``image`` and ``label`` as they are loaded.

    Raises:
        ConfigError: there is no such format, ``data.group_by`` cannot be used, or channels or names are null.
        DataError: the path is missing or empty, or holds nothing of the format.
    """
    missing = [f"data.{name}" for name in ("in_channels", "label_names") if data[name] is None]
    if missing:
        raise ConfigError(f"{missing[0]} is null: set it.")
    scan = scan_dataset(dataset, path)
    # The other formats know what belongs together; here names and content have to tell.
    grouping = group_items(scan.items, data.get("group_by"), own_pictures=dataset in ("csv", "folder", "nested"))
    scan.items = grouping.items
    report = DataReport(dataset=dataset, path=os.path.abspath(path), problems=list(scan.problems))
    report.images = len(scan.items)
    report.strata = dict(sorted(Counter(item["stratum"] for item in scan.items if "stratum" in item).items()))
    report.grouping = grouping.sentences
    report.groups = len({item["group"] for item in scan.items})
    parser = ConfigParser({"data": dict(data)})
    loading, spatial = (parser.get_parsed_content(f"data::{name}") for name in ("loading", "spatial"))
    if not any(isinstance(transform, CheckLabeld) for transform in loading):  # a run or bundle of a former release
        loading = [*loading, CheckLabeld("label", data["label_names"])]
    in_channels = int(data["in_channels"])
    labels = LabelChecks(
        data["label_names"], data.get("label_colours"), instances=bool(data.get("instances")), complete=learned
    )
    sizes: Counter[str] = Counter()
    channels: dict[int, list[str]] = {}
    remarks: dict[str, list[str]] = {}
    spacings = []
    turned = 0
    for item in tqdm(scan.items, desc="Checking", unit="image", disable=None if progress else True, leave=False):
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", InputWarning)
                loaded = _load(item, loading, channels, in_channels)
                if loaded is None:
                    continue
                image, label = loaded["image"], loaded["label"]
                labels.add(item, np.asarray(label))
                if spatial:
                    labels.add_prepared(np.asarray(label), np.asarray(_run(item, spatial, loaded)["label"]))
        except LabelValuesError as error:
            labels.add_refused(item, error)
            continue
        except DataError as error:
            report.problems.append(str(error))
            continue
        finally:
            for one in caught:
                if issubclass(one.category, InputWarning):
                    kind = _without_names(str(one.message), item)
                    remarks.setdefault(kind, []).append(str(one.message))
        report.items.append(item)
        if observe is not None:
            observe(item, loaded)
        turned += int(image.ndim == 3 and label_is_not_turned(item))
        sizes["x".join(map(str, image.shape[1:]))] += 1
        report.without_foreground += int(not (label > 0).any())
        if image.ndim == 4 and data.get("spacing_is_real", True):
            spacings.append(image.pixdim.tolist())
    report.warnings = [
        sentences[0] + (f" This holds for {counted(len(sentences), 'file')}." if len(sentences) > 1 else "")
        for sentences in remarks.values()
    ]
    if turned:
        have, their = (
            ("1 image has", "its label has") if turned == 1 else (f"{turned} images have", "their labels have")
        )
        report.warnings.append(
            f"{have} an EXIF orientation and {their} none: the images are turned as it says, the labels are not, so "
            "see whether both lie alike, or save images without it."
        )
    report.sizes = dict(sizes.most_common())
    if spacings:
        report.spacing_mm = list(zip(np.min(spacings, axis=0).tolist(), np.max(spacings, axis=0).tolist(), strict=True))
    report.label_shares = _shares(dict(sorted(labels.voxels.items())))
    report.label_colours = _shares(dict(labels.colours.most_common()))
    report.warnings += _shared_by_parts(scan.items)
    report.problems += _channel_problems(channels, in_channels, bool(data["volumetric"]))
    report.problems += labels.problems()
    if sizes and report.without_foreground == sizes.total():
        report.problems.append(f"No label in {report.path} has any foreground: check that these are the labels.")
    return report


def _shared_by_parts(items: Sequence[Item]) -> list[str]:
    """Return a sentence where a case is in a given test part and among the others, so that the test is none."""
    test = {item["group"]: item for item in items if item.get("part") == "test"}
    others = [item for item in items if item.get("part") != "test" and item["group"] in test]
    if not others:
        return []
    return [
        f"{counted(len(others), 'image')} to learn from belong{'s' if len(others) == 1 else ''} together with images "
        f"of the test part, as {others[0]['case']} with {test[others[0]['group']]['case']}: put them into one part, or "
        "the figures of the test part will be too good."
    ]


def _load(
    item: Item, loading: Sequence[Any], channels: dict[int, list[str]], in_channels: int
) -> dict[str, Any] | None:
    """Load an item as a training does; None where its image has other channels, which are noted."""
    loaded: dict[str, Any] = dict(item)
    for transform in loading:
        known = isinstance(loaded["image"], torch.Tensor)
        loaded = _run(item, [transform], loaded)
        if not known and isinstance(loaded["image"], torch.Tensor):
            count = int(loaded["image"].shape[0])
            channels.setdefault(count, []).append(image_name(item))
            if count != in_channels:
                return None
    return loaded


def _without_names(sentence: str, item: Item) -> str:
    """The sentence without the files of an item, so that those of all items are alike."""
    for path in (item["image"], item["label"]):
        for name in [path] if isinstance(path, str) else path:
            sentence = sentence.replace(name, "")
    return sentence


def _run(item: Item, transforms: Sequence[Any], data: dict[str, Any]) -> dict[str, Any]:
    try:
        for transform in transforms:
            data = transform(data)
    except Exception as error:  # every file library raises its own kind of error
        if isinstance(own := own_error(error), LabelValuesError):
            raise own from None
        raise DataError(explain(error, f"The image {image_name(item)} or its label {label_name(item)}")) from error
    return data


def _channel_problems(channels: Mapping[int, list[str]], in_channels: int, volumetric: bool) -> list[str]:
    if len(channels) > 1:
        usual = max(channels, key=lambda count: len(channels[count]))
        return [
            f"The image {names[0]} has {_channels(count)} and others have {usual} (images like it: {len(names)}): give "
            "all images the same channels."
            for count, names in channels.items()
            if count != usual
        ]
    return [
        f"The images have {_channels(count)}{'' if volumetric else ', as all pictures,'} and "
        f"data.in_channels is {in_channels}: set data.in_channels={count}, as in --set data.in_channels={count}."
        for count in channels
        if count != in_channels
    ]


def _channels(count: int) -> str:
    return f"{count} channel{'' if count == 1 else 's'}"


def _shares(counts: Mapping[Any, int]) -> dict[Any, float]:
    return {key: count / sum(counts.values()) for key, count in counts.items()}
