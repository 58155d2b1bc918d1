"""The table of the baselines has the expected counts."""

import pytest

from monai_lwmisn.studies.baseline_table import BaselineRow, baseline_rows, format_baselines
from monai_lwmisn.studies.baselines import BASELINES

# Counts of the paper's tables that a known definition reproduces: million parameters, and GMac by thop's count.
COUNTS = {
    "fcn": (18.64, 25.50),
    "attention_unet": (34.88, 66.23),
    "r2_unet": (39.09, 153.18),
    "unet_plus_plus": (9.16, 35.0),
}


@pytest.fixture(scope="module")
def table() -> list[BaselineRow]:
    return baseline_rows()


def test_every_baseline_has_a_row_with_its_counts_and_its_source(table: list[BaselineRow]) -> None:
    rows = {row["name"]: row for row in table}
    assert set(rows) == set(BASELINES)
    for row in rows.values():
        assert row["source"] and row["licence"] and row["params"] > 0
        # thop counts at least the convolutions, and some operations several times.
        assert 0.99 * row["macs"] <= row["macs_thop"] < 4 * row["macs"]
    for name, (params, macs) in COUNTS.items():
        assert rows[name]["params"] / 1e6 == pytest.approx(params, rel=0.01)
        assert rows[name]["macs_thop"] / 1e9 == pytest.approx(macs, rel=0.01)


def test_the_text_has_a_line_for_each(table: list[BaselineRow]) -> None:
    rows: list[BaselineRow] = [
        {**row, "licence": licence} for row, licence in zip(table, ("a long licence" * 3, "short"), strict=False)
    ]
    head, *lines, note = format_baselines(rows).splitlines()
    assert "params (M)" in head and len(lines) == 2 and "one 3x256x256 image" in note
    for line, row in zip(lines, rows, strict=True):
        assert line.startswith(row["name"])
        assert line.index(row["source"]) == head.index("source")
