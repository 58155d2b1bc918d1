"""Splits a data set into three parts: training to learn from, validation to choose with, test to report on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from monai.transforms import LoadImage, Orientation

from monai_lwmisn.data.datalist import PARTS, Datalist
from monai_lwmisn.data.datasets.base import Item, image_name
from monai_lwmisn.errors import ConfigError, SplitError, counted
from monai_lwmisn.inference.readers import VolumeReader
from monai_lwmisn.light.pictures import PICTURE_SUFFIXES


def split_datalist(
    items: Sequence[Item],
    by: str = "case",
    test_fraction: float = 0.3,
    validation_fraction: float = 0.2,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 0,
) -> Datalist:
    """Assign the items of a data set to ``training``, ``validation`` and ``test``.

    Args:
        items: what ``read_dataset`` returns. The result does not depend on their order. Items with a ``part`` stay in
            it, and the others are dealt out to the parts that have none.
        by: ``case`` keeps the items of one ``group`` (without a group: of one ``case``) together, and spreads every
            ``stratum`` evenly over the parts. ``image`` assigns single images, and single slices of volumes, as the
            paper does (section 3.1); slices of one patient are then in several parts.
        test_fraction: share of all items for the test part; not used with ``folds``, nor where that part is given.
        validation_fraction: share of the other items for the validation part.
        seed: seed of the random assignment.
        folds: number of folds of a cross-validation: parts of about equal size, one of which is the test part; where a
            test part is given, the validation part, which then is dealt out anew.
        fold: index of that fold, from 0 on.

    Returns:
        The datalist: the items of each part, and under ``split`` how they were assigned.

    Raises:
        SplitError: there are fewer cases than parts or folds.
        ConfigError: a fraction, ``folds``, ``fold`` or ``by`` is out of range.
    """
    for name, fraction in (("test_fraction", test_fraction), ("validation_fraction", validation_fraction)):
        if not 0 < fraction < 1:
            raise ConfigError(f"data.{name} is {fraction}: give a share between 0 and 1.")
    if folds is not None and not (folds >= 2 and 0 <= fold < folds):
        raise ConfigError(
            f"data.fold is {fold} of {folds} folds: give at least 2 folds, and a fold from 0 to {folds - 1}."
        )
    if by not in ("case", "image"):
        raise ConfigError(f"data.split_by is {by!r}: use case or image.")
    units_of = _units_by_case if by == "case" else _units_by_image
    given = {part: units_of([item for item in items if item.get("part") == part]) for part in PARTS[1:]}
    if folds is not None:
        given["validation"] = []
    units = units_of([item for item in items if not given.get(item.get("part", ""))])
    dealt = [part for part in PARTS if not given.get(part)]
    if len(units) < len(dealt):
        remedy = "add images"
        if by == "case":
            remedy = "add cases, say by data.group_by what belongs together, or set data.split_by=image"
        words = f"{', '.join(dealt[:-1])} and {dealt[-1]} need" if len(dealt) > 1 else f"{dealt[0]} needs"
        raise SplitError(
            f"{words[0].upper()}{words[1:]} at least {counted(len(dealt), f'independent {by}')}, but there "
            f"{'is' if len(units) == 1 else 'are'} {len(units)}: {remedy}."
        )
    if folds is not None and len(units) < folds:
        raise SplitError(
            f"{folds} folds need at least {folds} independent {by}s, but there are {len(units)}: use fewer folds."
        )

    generator = np.random.default_rng(seed)
    rest, test, validation = units, given["test"], given["validation"]
    if folds is not None:
        parted = _fold(units, folds, generator)
        taken = parted.pop(fold)
        rest = [unit for part in parted for unit in part]
        test, validation = (test, taken) if test else (taken, [])
    elif not test:
        rest, test = _deal(units, test_fraction, generator, keep=len(dealt) - 1)
    training, validation = (rest, validation) if validation else _deal(rest, validation_fraction, generator, keep=1)
    parts = {"training": training, "validation": validation, "test": test}
    datalist: Datalist = {part: _merge([item for unit in parts[part] for item in unit]) for part in PARTS}
    datalist["split"] = {
        "by": by,
        "seed": seed,
        "fractions": {"test": 1 / folds if folds else test_fraction, "validation": validation_fraction},
    }
    if set(dealt) != set(PARTS):
        datalist["split"]["given"] = [part for part in PARTS if part not in dealt]
    if folds is not None:
        datalist["split"] |= {"folds": folds, "fold": fold}
    return datalist


def _fold(units: list[list[Item]], folds: int, generator: np.random.Generator) -> list[list[list[Item]]]:
    """Assign units to folds of about equal size, with every stratum spread evenly."""
    parted: list[list[list[Item]]] = []
    rest = units
    for left in range(folds, 1, -1):
        rest, taken = _deal(rest, 1 / left, generator, keep=left - 1)
        parted.append(taken)
    return [*parted, rest]


def _units_by_case(items: Sequence[Item]) -> list[list[Item]]:
    units: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        units[item.get("group") or item["case"]].append(item)
    return list(units.values())


def _units_by_image(items: Sequence[Item]) -> list[list[Item]]:
    units: list[list[Item]] = []
    for item in items:
        slices = count_slices(item)
        units.extend([[{**item, "slices": [index]}] for index in range(slices)] if slices else [[item]])
    return units


def count_slices(item: Item) -> int:
    """Return the number of slices along the last axis of a volume in RAS orientation; 0 for a picture."""
    if image_name(item).lower().endswith(PICTURE_SUFFIXES):
        return 0
    volume = LoadImage(reader=VolumeReader(), ensure_channel_first=True)(item["image"])
    return int(Orientation(axcodes="RAS", labels=None)(volume).shape[-1])


def _identity(unit: list[Item]) -> list[tuple]:
    return sorted((item["case"], item["image"], item.get("slices", [])) for item in unit)


def _deal(
    units: list[list[Item]], fraction: float, generator: np.random.Generator, keep: int
) -> tuple[list[list[Item]], list[list[Item]]]:
    """Return the units that are kept and those that are taken.

    About a share ``fraction`` of the items of every stratum is taken. At least ``keep`` units are kept, and at least
    one is taken. Large units are assigned first, with a probability in proportion to what each side still lacks, so
    that the small ones can balance the sides.
    """
    strata: dict[str, list[list[Item]]] = defaultdict(list)
    for unit in sorted(units, key=_identity):
        strata[str(unit[0].get("stratum", ""))].append(unit)
    kept: list[list[Item]] = []
    taken: list[list[Item]] = []
    carried = 0.0
    for stratum in sorted(strata):
        shuffled = [strata[stratum][index] for index in generator.permutation(len(strata[stratum]))]
        size = sum(len(unit) for unit in shuffled)
        # The next stratum compensates for the rounding of this one.
        to_take = fraction * size + carried
        to_keep = size - to_take
        for unit in sorted(shuffled, key=len, reverse=True):
            if min(to_take, to_keep) >= len(unit):
                take = generator.random() < to_take / (to_take + to_keep)
            else:
                take = to_take > to_keep
            if take:
                taken.append(unit)
                to_take -= len(unit)
            else:
                kept.append(unit)
                to_keep -= len(unit)
        carried = to_take
    while not taken:
        taken.append(kept.pop(min(range(len(kept)), key=lambda index: len(kept[index]))))
    while len(kept) < keep:
        kept.append(taken.pop(min(range(len(taken)), key=lambda index: len(taken[index]))))
    return kept, taken


def _merge(items: list[Item]) -> list[Item]:
    """Return the items in case order, with the slices of one volume joined in one item."""
    merged: dict[str, Item] = {}
    for item in sorted(items, key=lambda item: _identity([item])):
        name = image_name(item)
        if name in merged:
            merged[name]["slices"] = merged[name]["slices"] + item["slices"]
        else:
            merged[name] = dict(item)
    return list(merged.values())
