"""Checks a whole data set before anything is computed, and reports its content and its problems."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from monai.transforms import LoadImage
from tqdm import tqdm

from monai_lwmisn.data.datasets import first_of, scan_dataset
from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.data.groups import group_items
from monai_lwmisn.errors import DataError, explain
from monai_lwmisn.inference.readers import LabelReader, PictureReader, VolumeReader

MOST_SIZES = 12
"""The most sizes that a report lists one by one; if there are more, it gives their range."""


@dataclass
class DataReport:
    """Holds the content and the problems of a data set.

    Attributes:
        dataset: the format of the data set.
        path: absolute path of the data set.
        items: the pairs of image and label that have no problem.
        images: number of all pairs of image and label, with or without problems.
        strata: number of images per stratum; empty if the data set has no strata.
        groups: number of groups that a split keeps together: near-duplicates, tiles of one image, images of a patient.
        grouping: how these groups were found, see :class:`~monai_lwmisn.data.groups.Grouping`.
        parts: number of groups in each part of the split; empty where it was not asked for.
        few: a sentence where these are too few.
        sizes: number of images per size in voxels, written ``256x256`` (x first).
        spacing_mm: smallest and largest voxel spacing per axis in mm; empty for pictures, and without real spacing.
        label_shares: share of all voxels per label value.
        without_foreground: number of images whose label is background only.
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
    label_shares: dict[int, float] = field(default_factory=dict)
    without_foreground: int = 0
    problems: list[str] = field(default_factory=list)

    def raise_for_problems(self) -> None:
        """Raise an error if there is a problem.

        Raises:
            DataError: the first problem.
        """
        if self.problems:
            raise DataError(first_of(self.problems))

    def to_text(self) -> str:
        """Return the report as text: the content first, then one line per problem."""
        lines = [f"{self.path}, read as {self.dataset}: images with labels {self.images}, groups {self.groups}"]
        lines += self.grouping
        if self.parts:
            lines.append("groups in each part: " + ", ".join(f"{part} {count}" for part, count in self.parts.items()))
        if self.few is not None:
            lines.append(f"warning: {self.few}")
        if self.strata:
            lines.append("strata: " + ", ".join(f"{name} {count}" for name, count in self.strata.items()))
        lines.append("sizes: " + self._sizes_text())
        if self.spacing_mm:
            ranges = (f"{low:g}" if np.isclose(low, high) else f"{low:g}-{high:g}" for low, high in self.spacing_mm)
            lines.append("spacing: " + " x ".join(ranges) + " mm")
        shares = (f"{value}: {100 * share:.2f} %" for value, share in self.label_shares.items())
        lines.append("label shares: " + ", ".join(shares) + f"; images without foreground: {self.without_foreground}")
        lines.extend(f"problem: {problem}" for problem in self.problems)
        if not self.problems:
            lines.append("no problems")
        return "\n".join(lines)

    def _sizes_text(self) -> str:
        if len(self.sizes) <= MOST_SIZES or len({size.count("x") for size in self.sizes}) > 1:
            return ", ".join(f"{size} ({count})" for size, count in self.sizes.items())
        axes = np.array([[int(length) for length in size.split("x")] for size in self.sizes]).T
        return " x ".join(f"{axis.min()}-{axis.max()}" for axis in axes) + f" ({len(self.sizes)} sizes)"


def _load(path: str | Sequence[str], kind: str, loader: LoadImage) -> torch.Tensor:
    try:
        return loader(path)
    except Exception as error:  # every file library raises its own kind of error
        name = path if isinstance(path, str) else path[0]
        raise DataError(explain(error, f"The {kind} {name}")) from error


def _label_name(item: Item) -> str:
    return item["label"] if isinstance(item["label"], str) else os.path.dirname(item["label"][0])


def _check_item(item: Item, image_loader: LoadImage, label_loader: LoadImage) -> tuple[torch.Tensor, torch.Tensor]:
    """Load the image (C, x, y[, z]) and the label (1, x, y[, z]) of an item, and compare them.

    Raises:
        DataError: one of the two cannot be read, they differ in size, or a voxel is NaN or infinite.
    """
    image = _load(item["image"], "image", image_loader)
    label = _load(item["label"], "label", label_loader)
    name = _label_name(item)
    if image.shape[1:] != label.shape[1:]:
        image_size, label_size = ("x".join(map(str, tensor.shape[1:])) for tensor in (image, label))
        raise DataError(
            f"The image {item['image']} is {image_size} but its label {name} is {label_size}: "
            "give both the same size, or remove both."
        )
    for kind, path, tensor in (("image", item["image"], image), ("label", name, label)):
        if not torch.isfinite(tensor).all():
            raise DataError(f"The {kind} {path} has NaN or infinite voxels: repair or remove it.")
    return image, label


def _describe_unknown_values(unknown: dict[str, list[float]], known: set[int]) -> str:
    """Return one sentence about all labels with unknown values, which are given by file."""
    name, values = next(iter(unknown.items()))
    listed = ", ".join(f"{value:.9g}" for value in values[:5]) + (", ..." if len(values) > 5 else "")
    classes = ", ".join(map(str, sorted(known)))
    return (
        f"The label {name} has the value{'s' if len(values) > 1 else ''} {listed}, but the classes of the preset are "
        f"{classes} (labels like it: {len(unknown)}): renumber the labels, or name every class in data.label_names of "
        "your own preset."
    )


def check_data(
    dataset: str,
    path: str | os.PathLike[str],
    *,
    volumetric: bool,
    label_names: Mapping[str, str],
    spacing_is_real: bool = True,
    progress: bool = True,
    group_by: str | None = None,
) -> DataReport:
    """Read a whole data set with the readers that training uses, and report its content and its problems.

    Args:
        dataset: a name in ``DATASETS``.
        path: the folder or zip as downloaded.
        volumetric: whether the images are volumes.
        label_names: name of each class by its value in the labels, without the background 0.
        spacing_is_real: whether the voxel spacing of volumes is in millimetres.
        progress: whether to show a progress bar on a terminal.
        group_by: see :func:`~monai_lwmisn.data.groups.group_items`.

    Raises:
        ConfigError: there is no such format, or ``group_by`` cannot be used.
        DataError: the path is missing or empty, or holds nothing of the format.
    """
    scan = scan_dataset(dataset, path)
    # The other formats know what belongs together; here names and content have to tell.
    grouping = group_items(scan.items, group_by, own_pictures=dataset == "folder")
    scan.items = grouping.items
    report = DataReport(dataset=dataset, path=os.path.abspath(path), problems=list(scan.problems))
    report.images = len(scan.items)
    report.strata = dict(sorted(Counter(item["stratum"] for item in scan.items if "stratum" in item).items()))
    report.grouping = grouping.sentences
    report.groups = len({item["group"] for item in scan.items})
    sizes: Counter[str] = Counter()
    voxels: Counter[int] = Counter()
    known = {0, *map(int, label_names)}
    unknown: dict[str, list[float]] = {}
    spacings = []
    image_loader = LoadImage(reader=VolumeReader() if volumetric else PictureReader(), ensure_channel_first=True)
    label_loader = LoadImage(reader=LabelReader(label_names), ensure_channel_first=True, dtype=None)
    for item in tqdm(scan.items, desc="Checking", unit="image", disable=None if progress else True, leave=False):
        try:
            image, label = _check_item(item, image_loader, label_loader)
        except DataError as error:
            report.problems.append(str(error))
            continue
        values, counts = np.unique(np.asarray(label), return_counts=True)
        unknown_values = [float(value) for value in values if value not in known]
        if unknown_values:
            unknown[_label_name(item)] = unknown_values
        else:
            report.items.append(item)
        sizes["x".join(map(str, image.shape[1:]))] += 1
        voxels.update({int(value): int(count) for value, count in zip(values, counts, strict=True)})
        report.without_foreground += int(not (values > 0).any())
        if image.ndim == 4 and spacing_is_real:
            spacings.append(image.pixdim.tolist())  # type: ignore[attr-defined]
    report.sizes = dict(sizes.most_common())
    if spacings:
        report.spacing_mm = list(zip(np.min(spacings, axis=0).tolist(), np.max(spacings, axis=0).tolist(), strict=True))
    total = sum(voxels.values())
    report.label_shares = {value: voxels[value] / total for value in sorted(voxels)}
    if unknown:
        report.problems.append(_describe_unknown_values(unknown, known))
    if sizes and report.without_foreground == sizes.total():
        report.problems.append(f"No label in {report.path} has any foreground: check that these are the labels.")
    return report
