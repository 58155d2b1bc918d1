"""The statistics agree with their definitions."""

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from monai_lwmisn.studies.published import TABLES
from monai_lwmisn.studies.statistics import holm, paired_tests, pareto_front

VALUES = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.floats(0, 1), min_size=1)


def test_holm_is_that_of_a_worked_example() -> None:
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert corrected == {"d": approx(0.02), "a": approx(0.03), "c": approx(0.06), "b": approx(0.06)}


@given(VALUES)
def test_holm_keeps_the_order_and_lies_between_none_and_bonferroni(values: dict[str, float]) -> None:
    corrected = holm(values)
    for name, value in values.items():
        assert value <= corrected[name] <= min(1.0, len(values) * value) or corrected[name] == approx(value)
    order = sorted(values, key=lambda name: values[name])
    assert [corrected[name] for name in order] == sorted(corrected.values())


def test_equal_scores_have_a_p_value_of_1_and_missing_ones_are_left_out_in_pairs() -> None:
    own = [0.1 * case for case in range(9)]
    worse = [score - 0.01 * (case + 1) for case, score in enumerate(own)]
    tests = paired_tests({"ours": own, "same": own, "worse": worse, "gap": [float("nan"), *worse[1:]]}, "ours")
    assert tests["same"] == 1
    assert tests["worse"] < tests["gap"] < 0.05


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_no_network_dominates_one_on_the_front(points: list[tuple[int, int]]) -> None:
    costs = {str(index): float(cost) for index, (cost, _) in enumerate(points)}
    scores = {str(index): float(score) for index, (_, score) in enumerate(points)}
    front = pareto_front(costs, scores)

    def ahead(one: str, other: str) -> bool:
        no_worse = costs[one] <= costs[other] and scores[one] >= scores[other]
        return no_worse and (costs[one], scores[one]) != (costs[other], scores[other])

    free = {name for name in costs if not any(ahead(other, name) for other in costs)}
    assert set(front) == free and len(front) == len(free)


def test_of_the_published_tables_only_that_of_liver_ct_breaks_the_bound_of_its_metrics() -> None:
    broken = {
        preset
        for preset, table in TABLES.items()
        for row in table.values()
        if row.dsc > 100 * 2 * row.miou / (100 + row.miou) + 0.01
    }
    assert broken == {"liver_ct"}
