"""The report has the figures of the trials, in Markdown and CSV."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import wilcoxon

from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.studies import report as module
from monai_lwmisn.studies.protocol import load_protocol
from monai_lwmisn.studies.report import write_report
from monai_lwmisn.studies.trials import Trial
from tests.studies.folder import write_network, write_protocol

pytestmark = pytest.mark.usefixtures("costs")

OURS = {0: [0.80, 0.91, 0.72, 0.83], 1: [0.82, 0.90, 0.70, 0.88], 2: [0.81, 0.92, 0.71, 0.84]}
THEIRS = {0: [0.70, 0.92, 0.60, 0.80], 2: [0.71, 0.90, 0.62, 0.79]}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Ours with three trainings and a peer with two, all evaluated on the test part."""
    folder = tmp_path / "comparison"
    write_protocol(folder)
    write_network(folder, "lwmisn", OURS)
    write_network(folder, "unext_s", THEIRS)
    return folder


def test_the_report_has_the_figures_of_the_trials(out: Path, tmp_path: Path) -> None:
    written = write_report(out, tmp_path / "report.md")
    names = {"report.md", "report.csv", "report_cases.csv", "report_fronts.png"}
    assert {path.name for path in written} == names and all(path.is_file() for path in written)
    with (tmp_path / "report.csv").open() as file:
        rows = {(row["network"], int(row["seed"])): row for row in csv.DictReader(file)}
    scores = {("lwmisn", seed): values for seed, values in OURS.items()}
    scores |= {("unext_s", seed): values for seed, values in THEIRS.items()}
    assert {key: float(row["dsc"]) for key, row in rows.items()} == pytest.approx(
        {key: np.mean(values) for key, values in scores.items()}
    )
    assert float(rows["unext_s", 2]["validation_dsc"]) == 0.52
    text = " ".join((tmp_path / "report.md").read_text().split())
    ours = [np.mean(values) for values in OURS.values()]
    assert f"{np.mean(ours):.4f} ± {np.std(ours, ddof=1):.4f}" in text
    with (tmp_path / "report_cases.csv").open() as file:
        cases = {row[0]: [float(value) for value in row[1:]] for row in list(csv.reader(file))[1:]}
    assert cases["lwmisn"] == pytest.approx(np.mean(list(OURS.values()), axis=0))
    expected = wilcoxon(np.subtract(cases["unext_s"], cases["lwmisn"])).pvalue
    assert f"| {expected:.2g} |" in text  # Holm's correction does not change a single test
    assert "92.11" in text, "the published figures are missing"
    assert "on a processor, 2 threads, torch 1.2.3." in text
    assert "after 1 epochs" in text and "- `unext_s`: 2 of 3 trainings" in text and "Figure 5" not in text


def test_the_names_are_words_and_times_have_their_spread(out: Path, tmp_path: Path) -> None:
    write_report(out, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert "| network | Dice per image | intersection over union per image |" in text
    assert "| 3.0 (2.5 to 3.5) | 4.0 (3.5 to 4.5) | 2.0 (1.5 to 2.5) |" in text
    assert "Pareto front of Dice per image and time:" in text.replace("\n", " ")


def test_times_beside_other_programs_are_given_as_unreliable(
    out: Path, tmp_path: Path, costs: dict[str, dict[str, Any]]
) -> None:
    costs["unext_s"] = {"latency_reliable": False}
    write_report(out, tmp_path / "report.md")
    text = " ".join((tmp_path / "report.md").read_text().split())
    assert "| unreliable (2.5 to 3.5) | 4.0 (3.5 to 4.5) | 2.0 (1.5 to 2.5) |" in text
    assert "- No front of time, because times are unreliable: other programs are using the processor." in text
    assert "Pareto front of Dice per image and time, ONNX:" in text and "Dice per image and time:" not in text


def test_costs_of_a_former_release_are_reported_without_openvino(out: Path, tmp_path: Path) -> None:
    write_report(out, tmp_path / "report.md")
    costs = json.loads((out / "costs.json").read_text())
    before = {name: {key: cost[key] for key in cost if "openvino" not in key} for name, cost in costs.items()}
    (out / "costs.json").write_text(json.dumps(before))
    write_report(out, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert "OpenVINO" not in text and "| 3.0 (2.5 to 3.5) | 4.0 (3.5 to 4.5) |\n" in text
    assert "openvino" not in (tmp_path / "report.csv").read_text()
    assert json.loads((out / "costs.json").read_text()) == before


def test_the_published_protocol_is_described(tmp_path: Path) -> None:
    out = tmp_path / "comparison"
    write_protocol(out, load_protocol("nuclei", "paper"))
    write_network(out, "unet", OURS)
    write_report(out, tmp_path / "report.md")
    text = " ".join((tmp_path / "report.md").read_text().split())
    assert "The learning rate is 0.006. The validation part is learned from too" in text
    assert "30 epochs with batches of 4, and 4 trainings" in text and "- `unet`: 3 of 4 trainings" in text
    assert "The published figures have another random split" in text


def test_table_5_has_the_pairs_that_are_complete(out: Path, tmp_path: Path) -> None:
    write_network(out, "table5_u", OURS)
    write_network(out, "contrast", THEIRS)
    write_report(out, tmp_path / "report.md")
    table = (tmp_path / "report.md").read_text().partition("## Beside table 5")[2]
    assert "| lwmisn |" in table and "| contrast |" in table and "table5_u" not in table
    write_network(out, "table5_contrast", THEIRS)
    write_report(out, tmp_path / "report.md")
    table = (tmp_path / "report.md").read_text().partition("## Beside table 5")[2]
    (row,) = [line for line in table.splitlines() if line.startswith("| table5_contrast |")]
    assert row.endswith("| 89.73 | 82.16 |")


def test_without_an_evaluation_the_report_has_the_figures_of_the_validation_part(tmp_path: Path) -> None:
    write_protocol(tmp_path / "comparison")
    write_network(tmp_path / "comparison", "unext_s", THEIRS, test=False)
    written = write_report(tmp_path / "comparison", tmp_path / "report.md")
    text = " ".join((tmp_path / "report.md").read_text().split())
    assert "No network was evaluated on the test part yet" in text and "92.11" not in text
    assert not any(path.name.endswith("_cases.csv") for path in written)


def test_without_the_images_there_is_a_report_without_figure_5(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*arguments: object) -> bytes:
        raise DataError("images/1.png cannot be read.")

    monkeypatch.setattr(module, "draw_examples", gone)
    written = write_report(out, tmp_path / "report.md")
    assert "report_examples.png" not in {path.name for path in written}
    assert (tmp_path / "report.md").read_text().endswith("Figure 5 is not drawn: images/1.png cannot be read.\n")


def test_a_failed_report_leaves_the_previous_one_unchanged(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in write_report(out, tmp_path / "report.md")}
    write_network(out, "unet", OURS)
    (out / "costs.json").unlink()
    monkeypatch.setattr(module, "draw_examples", lambda *arguments: pytest.fail("no memory"))
    with pytest.raises(pytest.fail.Exception, match="no memory"):
        write_report(out, tmp_path / "report.md")
    assert {path: path.read_bytes() for path in before} == before


def test_a_file_that_cannot_be_read_is_named_with_a_remedy(out: Path, tmp_path: Path) -> None:
    write_report(out, tmp_path / "report.md")
    shutil.copytree(out, tmp_path / "copy")
    for file, remedy in (
        ("costs.json", "remove it, and the costs are measured again"),
        (Trial(Path(), "unext_s", "seed_0").file, "remove it, and the trial is repeated"),
        ("comparison.json", "give another folder"),
    ):
        whole = (tmp_path / "copy" / file).read_text()
        for text in (whole[:20], "[]"):
            (tmp_path / "copy" / file).write_text(text)
            with pytest.raises(ConfigError, match=rf"{file}.*{remedy}"):
                write_report(tmp_path / "copy", tmp_path / "another.md")
        (tmp_path / "copy" / file).write_text(whole)
    assert not (tmp_path / "another.md").exists()
    with pytest.raises(ConfigError, match=r"does not end in .md"):
        write_report(out, tmp_path / "report.txt")
