"""Table 1 against formulas and against the published figures."""

import pytest

from monai_lwmisn.networks import SEARCH_SPACES
from monai_lwmisn.studies.table1 import OperationCost, format_table1, table1


@pytest.fixture(scope="module")
def rows() -> list[OperationCost]:
    return table1()


def test_it_has_the_eight_operations_their_mean_and_the_half_of_darts(rows: list[OperationCost]) -> None:
    names = [row["name"] for row in rows]
    assert tuple(names[:8]) == SEARCH_SPACES["lwmisn"]
    assert names[8] == "mean" and names[-1] == "darts mean"
    assert len(names) == 8 + 1 + 4 + 1
    assert all(set(row) == {"name", "params", "macs", "paper_params", "paper_macs"} for row in rows)


def test_every_operation_is_within_ten_percent_of_the_paper_and_the_mean_within_two(rows: list[OperationCost]) -> None:
    for row in rows[:9]:
        tolerance = 0.02 if row["name"] == "mean" else 0.10
        assert row["params"] == pytest.approx(row["paper_params"], rel=tolerance), row["name"]
        assert row["macs"] == pytest.approx(row["paper_macs"], rel=tolerance), row["name"]


def test_separable_convolutions_cost_what_their_formula_says(rows: list[OperationCost]) -> None:
    by_name = {row["name"]: row for row in rows}
    for kernel in (3, 5):
        once = 32 * kernel**2 + 32 * 32
        assert by_name[f"darts separable_conv_{kernel}x{kernel}"]["params"] == 2 * (once + 2 * 32 * 2)
        assert by_name[f"darts separable_conv_{kernel}x{kernel}"]["macs"] == 2 * once * 32 * 32
        assert by_name[f"darts dilated_conv_{kernel}x{kernel}"]["macs"] == once * 32 * 32


def test_the_published_means_are_those_of_the_published_rows(rows: list[OperationCost]) -> None:
    for mean, group in ((rows[8], rows[1:6]), (rows[-1], rows[9:13])):
        for key in ("paper_params", "paper_macs"):
            assert mean[key] == pytest.approx(sum(row[key] for row in group) / len(group), rel=0.005)


def test_the_text_has_a_line_per_row(rows: list[OperationCost]) -> None:
    lines = format_table1(rows).splitlines()
    assert len(lines) == 2 + len(rows)
    assert "2.880" in lines[3] and "+2.5%" in lines[3]
