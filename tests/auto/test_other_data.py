"""Data to test on are of the kind that is learned from, or are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monai_lwmisn.auto.fingerprint import take_fingerprint
from monai_lwmisn.auto.other_data import check_other_data
from monai_lwmisn.errors import DataError
from tests.auto.data import pictures, volumes

PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255], [0, 128, 0]])


def squares(*values: int) -> np.ndarray:
    """A label with two squares of each value."""
    label = np.zeros((48, 64), int)
    for index, value in enumerate(values):
        label[4 + 12 * index : 12 + 12 * index, 4:12] = label[4 + 12 * index : 12 + 12 * index, 40:52] = value
    return label


def in_colour(folder: Path, *labels: np.ndarray) -> Path:
    return pictures(folder, [PALETTE[label] for label in labels], [label * 40 for label in labels])


def test_a_class_may_be_missing_and_none_may_be_more(tmp_path: Path) -> None:
    learned = take_fingerprint(pictures(tmp_path / "a", [squares(1, 2, 3)] * 3), progress=False)
    check_other_data(pictures(tmp_path / "b", [squares(1, 3)] * 2), learned, progress=False)
    with pytest.raises(DataError, match=r"have 4, which is none of the classes 1 \(class 1\), 2 .*: give test data"):
        check_other_data(pictures(tmp_path / "c", [squares(1, 4)] * 2), learned, progress=False)
    with pytest.raises(DataError, match="have blue, red, which is none of the classes"):
        check_other_data(in_colour(tmp_path / "d", squares(1, 2)), learned, progress=False)


def test_colours_are_those_that_were_learned(tmp_path: Path) -> None:
    learned = take_fingerprint(in_colour(tmp_path / "a", *[squares(1, 2)] * 3), progress=False)
    check_other_data(in_colour(tmp_path / "b", squares(2)), learned, progress=False)
    with pytest.raises(DataError, match="have green, which is none of the classes"):
        check_other_data(in_colour(tmp_path / "c", squares(1, 3)), learned, progress=False)
    with pytest.raises(DataError, match="have 1, 2, which is none of the classes"):
        check_other_data(pictures(tmp_path / "d", [squares(1, 2)] * 2), learned, progress=False)


def test_objects_may_be_numbered_or_not(tmp_path: Path) -> None:
    numbered = squares(1)
    numbered[:, 30:] *= 2
    objects = [numbered, np.roll(numbered, 3, 0), np.where(numbered, numbered + 1, 0)]
    learned = take_fingerprint(pictures(tmp_path / "a", objects), progress=False)
    assert learned.instances
    check_other_data(pictures(tmp_path / "b", [squares(255)] * 2), learned, progress=False)
    masks = take_fingerprint(pictures(tmp_path / "c", [squares(255)] * 3), progress=False)
    check_other_data(tmp_path / "a", masks, progress=False)


def test_kind_and_channels_are_compared(tmp_path: Path) -> None:
    label = squares(1)[..., None].repeat(6, axis=2)
    image, spacing = label * 50.0, [(1.0, 1.0, 2.0)] * 3
    one = volumes(tmp_path / "one", [label] * 3, [image] * 3, spacing)
    two = volumes(tmp_path / "two", [label] * 3, [np.stack([image, image], axis=-1)] * 3, spacing)
    learned = take_fingerprint(one, progress=False)
    with pytest.raises(DataError, match="have 2 channels and those of .* have 1: give test data"):
        check_other_data(two, learned, progress=False)
    flat = take_fingerprint(pictures(tmp_path / "flat", [squares(1)] * 3), progress=False)
    with pytest.raises(DataError, match="are volumes and the data .* are pictures: give test data that are pictures"):
        check_other_data(one, flat, progress=False)
    (one / "dataset.json").write_text(json.dumps({"numTraining": 3, "labels": {"background": 0, "spleen": 1}}))
    check_other_data(one, learned, progress=False)
    with pytest.raises(DataError, match="The value 1 is spleen in the test data .* and liver in"):
        check_other_data(one, replace(learned, label_names={"1": "liver"}), progress=False)
