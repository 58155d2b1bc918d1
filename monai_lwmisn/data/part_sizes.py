"""Counts the independent cases of the parts of a split, and says when they are too few for a figure."""

from __future__ import annotations

from monai_lwmisn.data.datalist import PARTS, Datalist

FEWEST = {"validation": 3, "test": 5}
"""The cases below which the figures of a part depend on which cases they happen to be."""


def part_sizes(datalist: Datalist) -> dict[str, int]:
    """Return the number of independent cases (groups that a split keeps together) of each part."""
    return {part: len({item.get("group") or item["case"] for item in datalist[part]}) for part in PARTS}


def warn_of_few_cases(datalist: Datalist) -> str | None:
    """Return a sentence about parts that have too few cases; None if they have enough.

    In a cross-validation the test part may be small, because all folds together have every case.
    """
    split = datalist.get("split", {})
    sizes, folds = part_sizes(datalist), split.get("folds")
    covered = {"test"} - set(split.get("given", ())) if folds else set()
    few = {part: size for part, size in sizes.items() if size < FEWEST.get(part, 0) and part not in covered}
    if not few:
        return None
    counts = " and ".join(
        f"the {part} part has {size} independent case{'' if size == 1 else 's'}" for part, size in few.items()
    )
    if folds:
        remedy = "a larger data.validation_fraction, or fewer data.folds, gives it more"
    else:
        folds = min(5, sum(sizes.values()))
        remedy = f"a cross-validation tests every case, with data.folds={folds} and a run for each data.fold from 0 to "
        remedy += str(folds - 1)
    return f"{counts[0].upper()}{counts[1:]}, so the figures depend much on chance: {remedy}."
