"""The scores of all networks together."""

import pytest

from monai_lwmisn.auto.scores import scores


def test_objects_are_scored_where_they_are_told_apart() -> None:
    metrics = {"mean": {"dsc": 0.9}, "cases": [{"dsc": 0.9, "f1_50": 0.5, "aji": 0.4}, {"dsc": 0.9, "f1_50": 0.8}]}
    assert scores([metrics], ["a"], volumetric=False)["objects"] == pytest.approx({"f1_50": 0.65, "aji": 0.4})
    without = {"mean": {"dsc": 0.9}, "cases": [{"dsc": 0.9}]}
    assert scores([without], ["a"], volumetric=False)["objects"] is None


def test_a_case_counts_once_and_a_class_that_no_case_has_in_no_mean() -> None:
    first = {"mean": {"dsc": 0.5}, "cases": [{"dsc_a": 0.5, "dsc_b": None}]}
    second = {"mean": {"dsc": 0.9}, "cases": [{"dsc_a": 0.8, "dsc_b": None}, {"dsc_a": 1.0, "dsc_b": None}]}
    found = scores([first, second], ["a", "b"], volumetric=False)
    assert found["classes"]["a"]["dice"] == found["dice"] == pytest.approx(2.3 / 3)
    assert found["classes"]["b"]["dice"] is None and found["agreement"] == pytest.approx(0.2)
    assert found["cases"] == 3 and found["words"].startswith("fair")
