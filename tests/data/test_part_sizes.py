"""Parts of too few cases are named, and a cross-validation as the remedy."""

import re
from typing import Any

import pytest

from monai_lwmisn.data.part_sizes import part_sizes, warn_of_few_cases


def datalist(training: int, validation: int, test: int, **split: Any) -> dict[str, Any]:
    counts = {"training": training, "validation": validation, "test": test}
    # Two images of each case.
    parts = {
        part: [{"case": f"{part}{index}{side}", "group": f"{part}{index}"} for index in range(count) for side in "ab"]
        for part, count in counts.items()
    }
    return {**parts, "split": split}


def test_cases_are_counted_not_images() -> None:
    assert part_sizes(datalist(4, 3, 5)) == {"training": 4, "validation": 3, "test": 5}


@pytest.mark.parametrize(
    ("counts", "split", "sentence"),
    [
        ((1, 3, 5), {}, None),
        ((9, 3, 4), {}, "The test part has 4 independent cases, so the figures depend much on chance"),
        ((9, 2, 5), {}, "The validation part has 2 independent cases, so"),
        ((9, 1, 1), {}, "The validation part has 1 independent case and the test part has 1 independent case, so"),
        ((9, 3, 4), {"folds": 5}, None),
        (
            (9, 2, 4),
            {"folds": 5},
            "The validation part has 2 independent cases, so .* a larger data.validation_fraction",
        ),
    ],
)
def test_few_are_named(counts: tuple[int, int, int], split: dict[str, Any], sentence: str | None) -> None:
    found = warn_of_few_cases(datalist(*counts, **split))
    if sentence is None:
        assert found is None
    else:
        assert found is not None
        assert re.match(sentence, found)


def test_the_folds_are_no_more_than_the_cases() -> None:
    found = warn_of_few_cases(datalist(1, 1, 1))
    assert found is not None and "data.folds=3 and a run for each data.fold from 0 to 2" in found
