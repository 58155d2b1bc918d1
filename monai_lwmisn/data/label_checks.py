"""Compares the labels of a data set as their files have them with the labels that a training sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from monai.utils import ensure_tuple
from PIL import Image

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.label_values import (
    LabelValuesError,
    counts_of,
    may_number_objects,
    number_objects,
    regions_by_value,
    several_values,
    unknown_values,
)
from monai_lwmisn.inference.labels import colours_of, grey_colour, read_label
from monai_lwmisn.light.archives import list_files, open_bytes
from monai_lwmisn.light.picture_files import is_turned
from monai_lwmisn.light.pictures import LABEL_SUFFIXES
from monai_lwmisn.light.tiff_stacks import TIFF_SUFFIXES, split_page
from monai_lwmisn.light.volumes import NIFTI_SUFFIXES, VOLUME_SUFFIXES

BLACK, WHITE = "#000000", "#ffffff"
HOLLOW = 0.2
"""Share of holes in the foreground, of the median label, from which the labels are no filled objects."""

Counts = Counter[float | str]
"""Pixels or voxels by value; by colour where a picture is in colour."""


def stored_counts(label: str | Sequence[str]) -> Counts | None:
    """Count the values that are in the files of a label. The libraries are called without this package's readers.

    Args:
        label: a volume, a picture, or the pictures of the slices.

    Returns:
        None for a folder of objects, whose pictures overlap, and for kinds of files that these libraries do not read.
    """
    try:
        return _stored_counts([label] if isinstance(label, str) else label)
    except Exception:  # each library has its own; what cannot be read at all is a problem of the loading
        return None


def _stored_counts(paths: Sequence[str]) -> Counts | None:
    counts: Counts = Counter()
    for path in paths:
        if path.lower().endswith(VOLUME_SUFFIXES):
            values = _stored_volume(path)
        elif path.lower().endswith(LABEL_SUFFIXES):
            values = _stored_picture(path)
        else:
            return None
        if values.ndim == 3 and not path.lower().endswith(VOLUME_SUFFIXES):
            names, _, pixels = colours_of(values)
            counts.update(dict(zip(names, pixels.tolist(), strict=True)))
        else:
            found, numbers = np.unique(values, return_counts=True)
            counts.update(dict(zip(found.astype(float).tolist(), numbers.tolist(), strict=True)))
    return counts


def _stored_volume(path: str) -> np.ndarray:
    if path.lower().endswith(NIFTI_SUFFIXES):
        import nibabel

        return np.asarray(nibabel.load(path).dataobj)  # type: ignore[attr-defined]
    import SimpleITK

    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path))


def _stored_picture(path: str) -> np.ndarray:
    path, number = split_page(path)
    source = open_bytes(path) if number is None else path  # a stack may be too large to be read as a whole
    if path.lower().endswith(TIFF_SUFFIXES):
        import tifffile

        with tifffile.TiffFile(source) as file:
            page = file.pages[(number or 1) - 1].aspage()
            if page.photometric == tifffile.PHOTOMETRIC.MINISBLACK and page.samplesperpixel == 1:
                return page.asarray()
    with Image.open(source) as image:
        image.seek((number or 1) - 1)
        return np.asarray(image if len(image.getbands()) == 1 and image.mode != "P" else image.convert("RGB"))


class LabelChecks:
    """Gathers what is wrong with the labels of a data set, one by one, and then with all of them.

    Args:
        label_names: name of each class by its value as text.
        label_colours: the class of each colour; None where colours are not named.
        instances: the objects of pictures are to be numbered.
        complete: each class must be in some label.
    """

    def __init__(
        self,
        label_names: Mapping[str, str],
        label_colours: Mapping[str, int] | None = None,
        instances: bool = False,
        complete: bool = True,
    ) -> None:
        self.label_names, self.complete = label_names, complete
        self.label_colours, self.instances = label_colours, instances
        self.voxels: Counter[float] = Counter()
        self.colours: Counter[str] = Counter()
        self._unknown: dict[str, list[float]] = {}
        self._single: list[tuple[float | str, Mapping[str, Any]]] = []
        self._merged: dict[str, tuple[set, list[int]]] = {}
        self._holes: list[float] = []
        self._loaded: set[float] = set()
        self._prepared: set[float] = set()

    def add_refused(self, item: Mapping[str, Any], error: LabelValuesError) -> None:
        """Take a label into account that is not loaded, because it has values which are no classes."""
        name, stored = label_name(item), stored_counts(item["label"]) or Counter()
        self.colours.update({key: count for key, count in stored.items() if isinstance(key, str)})
        if error.unknown:
            self._unknown[name] = error.unknown
            self.voxels.update(error.counts)
        else:
            self._merged[name] = (set(stored or error.counts) - {0.0, BLACK}, regions_of_label(item["label"]))
            background = error.counts[0.0]
            self.voxels.update({0.0: background, 1.0: error.counts.total() - background})

    def add(self, item: Mapping[str, Any], loaded: np.ndarray) -> None:
        """Take a label into account.

        Args:
            item: an item of a datalist.
            loaded: what a training loads of its label, (1, x, y[, z]).

        Raises:
            DataError: the values in the file and those loaded differ.
        """
        name = label_name(item)
        stored = stored_counts(item["label"])
        seen = counts_of(loaded)
        self.colours.update({key: count for key, count in (stored or {}).items() if isinstance(key, str)})
        # Of one class, values of pictures are made 1, whatever they are.
        one = len(self.label_names) == 1 and not str(item["label"]).lower().endswith(VOLUME_SUFFIXES)
        self.voxels.update(seen)
        if not _alike(stored, seen, one, self.label_colours):
            raise DataError(
                f"The label {name} changes when it is read: its file has {_listed(stored or {})}, a training would see "
                f"{_listed(seen)}: save it with the numbers of the classes as whole numbers, as grey PNG or NIfTI."
            )
        values = set(stored or ()) - {0.0, BLACK}
        if one and self.label_colours is None and len(values) == 1:
            self._single.append((values.pop(), item))
        elif one and self.label_colours is None and values:
            self._merged[name] = (values, regions_of_label(item["label"]))
        if self.instances and (loaded > 0).any():
            from scipy.ndimage import binary_fill_holes

            mask = np.asarray(loaded[0]) > 0
            self._holes.append(float(binary_fill_holes(mask).sum() / mask.sum() - 1))

    def add_prepared(self, loaded: np.ndarray, prepared: np.ndarray) -> None:
        """Note which classes the transforms of the grid leave.

        Args:
            loaded: a label (1, x, y[, z]).
            prepared: the same after the transforms.
        """
        self._loaded |= set(np.unique(loaded).tolist())
        self._prepared |= set(np.unique(prepared).tolist())

    def problems(self) -> list[str]:
        """Return what is wrong with the labels together, one sentence each."""
        found = []
        if self._unknown:
            name, values = next(iter(self._unknown.items()))
            found.append(unknown_values(name, values, self.label_names, len(self._unknown)))
        if self._merged:
            found += self._several_values()
        elif len(single := dict(self._single)) > 1:
            listed = ", ".join(f"{_text(value)} in {label_name(item)}" for value, item in list(single.items())[:2])
            found.append(
                f"The labels have one value each, but not the same, as {listed}: number the classes and name each in "
                "data.label_names, or save the labels with 0 and 1."
            )
        foreground = any(value > 0 for value in self.voxels)
        for value, name in self.label_names.items():
            if self.complete and foreground and not self._unknown and not self.voxels[float(value)]:
                found.append(
                    f"No label has the value {value} ({name}): take it out of data.label_names, or correct the labels."
                )
        lost = sorted(self._loaded - self._prepared) if self._prepared else []
        if lost:
            found.append(
                f"The transforms in data.spatial leave nothing of the value {lost[0]:g}: make their grid finer, or "
                "leave that class out."
            )
        if self._holes and float(np.median(self._holes)) > HOLLOW:
            found.append(
                f"The labels are no filled objects (their holes are {100 * np.median(self._holes):.0f} % as large as "
                "they are), which data.instances would number: set data.instances=false."
            )
        return found

    def _several_values(self) -> list[str]:
        """Return the sentence about values that would be made one class, unless they number objects."""
        merged = list(self._merged.values())
        single = [({value}, regions_of_label(item["label"])) for value, item in self._single]
        if number_objects(*zip(*merged, *single, strict=True)):
            return []
        name, (values, _) = max(self._merged.items(), key=lambda entry: not may_number_objects(entry[1][1]))
        return [several_values(name, values, self.label_names, len(merged))]


def regions_of_label(label: str | Sequence[str]) -> list[int]:
    """Return how many regions each value of a label picture has."""
    return regions_by_value(read_label([label] if isinstance(label, str) else label, instances=True)[0])


def label_is_not_turned(item: Mapping[str, Any]) -> bool:
    """Return whether the picture of an item has an orientation by which it is turned, and its label has none."""
    image, label = (ensure_tuple(item[key])[0] for key in ("image", "label"))
    if not is_turned(image):
        return False
    return not is_turned(label if label.lower().endswith(LABEL_SUFFIXES) else list_files(label)[0])


def label_name(item: Mapping[str, Any]) -> str:
    """The path of a label; of slices, their folder."""
    label = item["label"]
    return label if isinstance(label, str) else label[0].rpartition("/")[0]


def _alike(stored: Counts | None, seen: Counter[float], one: bool, colours: Mapping[str, int] | None) -> bool:
    if stored is None:
        return True
    if colours is not None and set(stored) - {0.0} != set(seen) - {0.0}:
        stored = Counter({key if isinstance(key, str) else grey_colour(key): count for key, count in stored.items()})
    in_colour = any(isinstance(key, str) for key in stored)
    if in_colour and colours is not None:
        meant: Counter[float] = Counter()
        for name, count in stored.items():
            meant[float({BLACK: 0, **colours}.get(str(name), -1))] += count
        return meant == seen
    if one:
        return stored.total() - stored[0.0] - stored[BLACK] == seen.total() - seen[0.0]
    # Each colour, and each grey in colour, is a class; which, the labels do not say.
    return sorted(stored.values()) == sorted(seen.values()) if in_colour else stored == seen


def _listed(counts: Mapping[Any, int]) -> str:
    shown = sorted(counts.items(), key=lambda entry: str(entry[0]))[:6]
    return ", ".join(f"{count} of {_text(value)}" for value, count in shown) + (", ..." if len(counts) > 6 else "")


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.9g}"
