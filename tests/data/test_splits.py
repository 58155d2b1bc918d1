"""Splits keep together what belongs together, hold their shares, and depend on the seed and nothing else."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_lwmisn.data import read_dataset, split_datalist, validate_datalist
from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.data.splits import count_slices
from monai_lwmisn.errors import ConfigError, SplitError


def make_items(group_sizes: list[int], strata: list[str]) -> list[dict]:
    items = []
    for group, size in enumerate(group_sizes):
        for member in range(size):
            case = f"g{group:03d}m{member}"
            stratum = strata[group % len(strata)]
            items.append(
                {"image": f"/{case}.png", "label": "/l", "case": case, "group": f"g{group}", "stratum": stratum}
            )
    return items


def cases(datalist: dict, part: str) -> list[str]:
    return [item["case"] for item in datalist[part]]


@settings(max_examples=50, deadline=None)
@given(
    group_sizes=st.lists(st.integers(1, 9), min_size=3, max_size=60),
    seed=st.integers(0, 1000),
    test_fraction=st.floats(0.1, 0.6),
    validation_fraction=st.floats(0.1, 0.6),
)
def test_every_item_is_in_one_part_and_no_group_in_two(
    group_sizes: list[int], seed: int, test_fraction: float, validation_fraction: float
) -> None:
    items = make_items(group_sizes, ["a", "b", "c"])
    datalist = validate_datalist(split_datalist(items, "case", test_fraction, validation_fraction, seed))
    dealt = [case for part in PARTS for case in cases(datalist, part)]
    assert sorted(dealt) == sorted(item["case"] for item in items)
    groups = [{item["group"] for item in datalist[part]} for part in PARTS]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])


def test_the_order_of_the_items_does_not_matter() -> None:
    items = make_items([1, 2, 3, 4] * 10, ["a", "b"])
    shuffled = items[:]
    random.Random(1).shuffle(shuffled)
    assert split_datalist(items, seed=3) == split_datalist(shuffled, seed=3)


def test_another_seed_is_another_split() -> None:
    items = make_items([1] * 40, ["a"])
    assert split_datalist(items, seed=0) != split_datalist(items, seed=1)
    tested = Counter(case for seed in range(60) for case in cases(split_datalist(items, seed=seed), "test"))
    assert len(tested) == 40  # no image is safe from the test part


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_test_every_case_once_and_are_of_one_size(folds: int) -> None:
    items = make_items([1, 2, 3] * 10, ["a", "b"])
    parts = [split_datalist(items, seed=4, folds=folds, fold=fold) for fold in range(folds)]
    tested = [case for part in parts for case in cases(part, "test")]
    assert sorted(tested) == sorted(item["case"] for item in items)
    sizes = [len(cases(part, "test")) for part in parts]
    assert max(sizes) - min(sizes) <= 4
    for part in parts:
        validate_datalist(part)
        assert len([case for name in PARTS for case in cases(part, name)]) == len(items)


def test_impossible_folds_are_refused() -> None:
    items = make_items([1] * 6, ["a"])
    with pytest.raises(ConfigError, match="fold is 5 of 5 folds"):
        split_datalist(items, folds=5, fold=5)
    with pytest.raises(SplitError, match="7 folds need at least 7 independent cases, but there are 6"):
        split_datalist(items, folds=7)


def test_strata_are_spread_evenly() -> None:
    items = make_items([1] * 200, ["a"] * 15 + ["b"] * 4 + ["c"])
    datalist = split_datalist(items, "case", 0.3, 0.2, seed=0)
    whole = Counter(item["stratum"] for item in items)
    tested = Counter(item["stratum"] for item in datalist["test"])
    validated = Counter(item["stratum"] for item in datalist["validation"])
    for stratum, count in whole.items():
        assert abs(tested[stratum] - 0.3 * count) <= 1
        assert abs(validated[stratum] - 0.2 * 0.7 * count) <= 1.5
    assert len(datalist["test"]) == 60


def test_by_image_ignores_groups() -> None:
    items = make_items([20], ["a"])
    datalist = split_datalist(items, "image", 0.3, 0.5, seed=0)
    assert [len(datalist[part]) for part in PARTS] == [7, 7, 6]
    assert datalist["split"] == {"by": "image", "seed": 0, "fractions": {"test": 0.3, "validation": 0.5}}


def test_by_image_deals_out_the_slices_of_volumes(mr_phantom: Path) -> None:
    items = read_dataset("promise12", mr_phantom)[:1]
    datalist = validate_datalist(split_datalist(items, "image", 0.4, 0.4, seed=0))
    slices = [datalist[part][0]["slices"] for part in PARTS]
    assert sorted(sum(slices, [])) == list(range(12))
    assert [len(part) for part in slices] == [4, 3, 5]
    assert all(part == sorted(part) for part in slices)


def test_slices_are_counted_along_the_axis_to_the_head(ct_phantom: Path, msd_phantom: Path) -> None:
    assert count_slices(read_dataset("chaos_ct", ct_phantom)[0]) == 12
    assert count_slices(read_dataset("msd", msd_phantom)[0]) == 10
    assert count_slices({"image": "/some/archive.zip!/picture.png"}) == 0


def test_too_few_cases_are_refused() -> None:
    with pytest.raises(
        SplitError, match="at least 3 independent cases, but there are 2: add cases, say by data.group_by"
    ):
        split_datalist(make_items([5, 5], ["a"]), "case")
    with pytest.raises(SplitError, match="at least 3 independent images, but there are 2: add images"):
        split_datalist(make_items([1, 1], ["a"]), "image")


@pytest.mark.parametrize(
    "wrong", [{"by": "patient"}, {"test_fraction": 0.0}, {"test_fraction": 1.0}, {"validation_fraction": -0.1}]
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong)).replace("by", "split_by")):
        split_datalist(make_items([1] * 9, ["a"]), **wrong)


def in_parts(**parts: int) -> list[dict[str, str]]:
    """Items of the given parts; ``none`` have no part."""
    return [
        {"image": f"{part}{index}", "label": "", "case": f"{part}{index}"} | ({} if part == "none" else {"part": part})
        for part, count in parts.items()
        for index in range(count)
    ]


def test_a_given_test_part_is_kept_and_the_rest_dealt_out() -> None:
    items = in_parts(training=20, test=5)
    datalist = split_datalist(items, validation_fraction=0.2)
    assert {item["case"] for item in datalist["test"]} == {f"test{index}" for index in range(5)}
    assert (len(datalist["training"]), len(datalist["validation"])) == (16, 4)
    assert datalist["split"]["given"] == ["test"]


def test_given_validation_and_test_parts_leave_nothing_to_chance() -> None:
    items = in_parts(none=3, validation=2, test=1)
    for seed in range(3):
        datalist = split_datalist(items, seed=seed)
        assert [len(datalist[part]) for part in ("training", "validation", "test")] == [3, 2, 1]


def test_the_folds_of_data_with_a_test_part_are_its_validation_parts() -> None:
    items = in_parts(training=7, validation=3, test=4)
    folds = [split_datalist(items, folds=5, fold=fold) for fold in range(5)]
    validated = [item["case"] for datalist in folds for item in datalist["validation"]]
    assert sorted(validated) == sorted(item["case"] for item in items if item["part"] != "test")
    assert all(len(datalist["test"]) == 4 for datalist in folds)


def test_too_few_cases_beside_given_parts_are_refused() -> None:
    with pytest.raises(SplitError, match="Training and validation need at least 2 independent cases, but there is 1"):
        split_datalist(in_parts(training=1, test=4))
