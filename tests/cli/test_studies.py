"""`lwmisn compare`, `report`, `baselines` and `table1`."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import is_one_sentence, lwmisn

STUDY = ["compare", "report", "baselines", "table1"]


def test_a_comparison_with_a_network_that_failed_ends_with_code_1(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = {"unet": "seed 0: no room"}
    monkeypatch.setattr("monai_lwmisn.studies.compare.Comparison.run", lambda self, models: failures)
    command = ["compare", "--preset", "nuclei", "--data", data, "--out", tmp_path / "out", "--models", "unet,unext_s"]
    outcome = lwmisn(*command)
    assert outcome.code == 1 and "1 of 2 networks failed: unet" in outcome.err and "Traceback" not in outcome.err
    assert lwmisn(*command).code == 2
    failures.clear()
    assert lwmisn(*command, "--resume").code == 0


def test_a_report_without_adjusttext_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monai_lwmisn.studies.report.HAS_ADJUST_TEXT", False)
    outcome = lwmisn("report", tmp_path, "-o", tmp_path / "report.md")
    assert outcome.code == 2 and is_one_sentence(outcome.err)
    assert "pip install adjustText" in outcome.err


def test_the_help_lists_the_commands_of_the_study_below_the_others() -> None:
    product, study = lwmisn("--help").out.split("\nstudy (")
    assert [line.split()[0] for line in study.splitlines()[1:] if line[2:3].strip()] == STUDY
    names = {line.split()[0] for line in product.splitlines() if line.startswith("  ") and line[2:3].strip()}
    assert {"segment", "phantom"} <= names and not names & {*STUDY}


def test_table1_is_a_list_of_plain_numbers() -> None:
    rows = json.loads(lwmisn("table1", "--json").out)
    assert [set(row) for row in rows] == [{"name", "params", "macs", "paper_params", "paper_macs"}] * len(rows)
    assert {row["name"]: row["params"] for row in rows}["separable_conv_3x3"] == 2880
    assert "separable_conv_3x3" in lwmisn("table1").out


def test_baselines_are_a_list_of_plain_numbers() -> None:
    rows = json.loads(lwmisn("baselines", "--json").out)
    assert {"unet", "nas_unet", "unext_s", "nnunet_2d"} <= {row["name"] for row in rows}
    for row in rows:
        assert set(row) == {"name", "source", "params", "macs", "macs_thop", "licence"}
        assert all(isinstance(row[count], int) for count in ("params", "macs", "macs_thop"))
