"""Says which values of a label are no classes. Needs numpy and, for regions, scikit-image; no torch, no MONAI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from monai_lwmisn.errors import DataError

FEW_CLASSES = 3
"""Up to so many values, the same in all labels, are classes, even where each has one region."""

__all__ = [
    "FEW_CLASSES",
    "LabelValuesError",
    "as_one_class",
    "check_values",
    "counts_of",
    "may_number_objects",
    "number_objects",
    "regions_by_value",
    "several_values",
    "unknown_values",
]


class LabelValuesError(DataError):
    """Says that a label has values which are no classes.

    Args:
        sentence: the message.
        unknown: the values that are no classes; empty where several values would be made one class.
        counts: pixels or voxels by value.
    """

    def __init__(self, sentence: str, unknown: Sequence[float], counts: Counter[float]) -> None:
        super().__init__(sentence)
        self.unknown, self.counts = list(unknown), counts


def check_values(label: np.ndarray, name: str, label_names: Mapping[str, str]) -> None:
    """Refuse a label with values that are no classes.

    Args:
        label: of any shape, as its file has it.
        name: its path, for messages.
        label_names: name of each class by its value as text.

    Raises:
        LabelValuesError: there are such values.
    """
    known = [0, *map(int, label_names)]
    if not np.isin(label, known).all():
        counts = counts_of(label)
        unknown = sorted(value for value in counts if value not in known)
        raise LabelValuesError(unknown_values(name, unknown, label_names), unknown, counts)


def as_one_class(label: np.ndarray, name: str) -> np.ndarray:
    """Return the label of pictures, in which any value but 0 is the one class, with 0 and 1, of uint8.

    Several values can number the objects of the class. They cannot where they have more than two regions each.

    Args:
        label: (x, y) or (x, y, z).
        name: its path, for messages.

    Raises:
        LabelValuesError: a value is no whole number from 0 on, or several values number no objects.
    """
    counts = counts_of(label)
    unknown = sorted(value for value in counts if not (value >= 0 and value % 1 == 0))
    if unknown:
        raise LabelValuesError(unknown_values(name, unknown, {"1": "class 1"}), unknown, counts)
    values = set(counts) - {0.0}
    if len(values) > 1 and not may_number_objects(regions_by_value(label)):
        raise LabelValuesError(several_values(name, values, {"1": "class 1"}), [], counts)
    return (label != 0).astype(np.uint8)


def number_objects(sets: Sequence[Collection[object]], regions: Sequence[Sequence[int]]) -> bool:
    """Return whether the values of label pictures number objects.

    Most have one region then, they differ by picture, and few pictures have one value in many regions.

    Args:
        sets: the values of each picture, without 0.
        regions: the number of regions of each value, or numbered region, for each picture.
    """
    pairs = list(zip(sets, regions, strict=True))
    several = [(set(values), numbers) for values, numbers in pairs if len(values) > 1]
    if not several:
        return False
    first = several[0][0]
    same = len(several) >= 3 and len(first) <= FEW_CLASSES and all(values == first for values, _ in several)
    in_pieces = sum(number > 1 for _, numbers in several for number in numbers)
    masks = sum(sum(numbers) > 2 for values, numbers in pairs if len(values) == 1)
    return (
        not same
        and masks < len(several)
        and in_pieces <= 0.5 * sum(len(values) for values, _ in several)
        and all(may_number_objects(numbers) for _, numbers in several)
    )


def may_number_objects(regions: Sequence[int]) -> bool:
    """Return whether several values of one picture, with so many regions each, can number objects."""
    return sum(regions) <= 2 * len(regions)


def regions_by_value(label: np.ndarray) -> list[int]:
    """Return how many regions each value of a label has, without 0."""
    from skimage.measure import label as regions_of

    numbers = np.unique(label, return_inverse=True)[1].reshape(label.shape) + 1
    numbers[label == 0] = 0
    regions, first = np.unique(regions_of(numbers, background=0, connectivity=label.ndim), return_index=True)
    return np.unique(numbers.ravel()[first[regions > 0]], return_counts=True)[1].tolist()


def unknown_values(name: str, values: Sequence[float], label_names: Mapping[str, str], like_it: int = 1) -> str:
    """Return the sentence about a label with values that are no classes.

    Args:
        name: its path.
        values: those values.
        label_names: name of each class by its value as text.
        like_it: how many labels have such values.
    """
    listed = ", ".join(f"{value:.9g}" for value in values[:5]) + (", ..." if len(values) > 5 else "")
    known = sorted({0, *map(int, label_names)})
    return (
        f"The label {name} has the value{'s' if len(values) > 1 else ''} {listed}, but the classes are "
        f"{', '.join(map(str, known))}{_like(like_it)}: renumber the labels with whole numbers from 0 on, and name "
        f"every class, as in --set '{_names_for(values, label_names)}'."
    )


def several_values(name: str, values: Collection[object], label_names: Mapping[str, str], like_it: int = 1) -> str:
    """Return the sentence about a label of one class with several values that number no objects.

    Args:
        name: its path.
        values: its values or colours, without the background.
        label_names: name of the class by its value as text.
        like_it: how many labels are so.
    """
    if len(values) > FEW_CLASSES * 2:
        return (
            f"The label {name} has {len(values)} values besides 0 that number no objects, as smoothing or JPEG "
            f"leaves them{_like(like_it)}: save it with 0 and 1 alone."
        )
    wanted = [float(index) for index in range(1, len(values) + 1)]
    texts = sorted(value if isinstance(value, str) else f"{value:.9g}" for value in values)
    first = "" if set(values) == set(wanted) else "number them 1, 2, ... and "
    what = "value" if len(texts) == 1 else "values"
    return (
        f"The label {name} has the {what} {', '.join(texts)}, but there is one class, "
        f"{next(iter(label_names.values()))}{_like(like_it)}: {first}name each, as in "
        f"--set '{_names_for(wanted, label_names)}' --set data.instances=false, or save the labels with 0 and 1."
    )


def _like(number: int) -> str:
    return "" if number == 1 else f" (labels like it: {number})"


def _names_for(values: Sequence[float], label_names: Mapping[str, str]) -> str:
    whole = {int(value) for value in label_names} - {0} | {int(value) for value in values if value in range(1, 10)}
    names = (f'"{value}": "{label_names.get(str(value), f"class {value}")}"' for value in sorted(whole))
    return "data.label_names={" + ", ".join(names) + "}"


def counts_of(label: np.ndarray) -> Counter[float]:
    """Return the number of pixels or voxels of each value."""
    values, numbers = np.unique(label, return_counts=True)
    return Counter(dict(zip(values.astype(float).tolist(), numbers.tolist(), strict=True)))
