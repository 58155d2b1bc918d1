"""A comparison from raw data to its report, on made images."""

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy.stats import wilcoxon

from monai_lwmisn.comparison import compare as module
from monai_lwmisn.comparison.cells import Cell
from monai_lwmisn.comparison.compare import Comparison
from monai_lwmisn.comparison.entrants import find_entrants
from monai_lwmisn.comparison.protocol import load_protocol
from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.networks.baselines import registry
from monai_lwmisn.report import comparison_figures
from monai_lwmisn.report.comparison import write_report
from monai_lwmisn.report.comparison_rows import read_results

TINY = {
    "search_epochs": 1,
    "search_warmup_epochs": 0,
    "stem_stride": 2,
    "node_width": [4, 4, 4],
    "lambda_latency": 0.0,
}
NAMES = ("unext_s", "lwmisn")


def comparison(out: Path, data: Path, test: bool = True, seeds: int = 2) -> Comparison:
    protocol = load_protocol("nuclei", "small", epochs=2, seeds=seeds, overrides=TINY)
    return Comparison(out, protocol, data, test, lambda text: None)


def run(work: Comparison, names: Sequence[str] = NAMES, resume: bool = True) -> dict[str, str]:
    work.prepare(resume=resume)
    return work.run(find_entrants(list(names)))


@pytest.fixture(scope="module")
def finished(nuclei_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks, first trained and validated, then tested."""
    out = tmp_path_factory.mktemp("comparison") / "out"
    assert run(comparison(out, nuclei_phantom, test=False), resume=False) == {}
    assert not any("test" in (Cell(out, name, "seed_0").result() or {}) for name in NAMES)
    assert not list(out.rglob("metrics.json"))
    assert run(comparison(out, nuclei_phantom)) == {}
    return out


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def test_every_network_has_pilots_trainings_and_costs(finished: Path) -> None:
    for name in NAMES:
        cells = {path.stem: json.loads(path.read_text()) for path in (finished / "cells" / name).glob("*.json")}
        searched = {"search"} if name == "lwmisn" else set()
        assert set(cells) == {"rate_0.004", "rate_0.001", "seed_0", "seed_1"} | searched
        pilots = {rate: cells[f"rate_{rate:g}"]["validation_dsc"] for rate in (0.004, 0.001)}
        assert all(cells[f"rate_{rate}"]["epochs"] == 1 for rate in ("0.004", "0.001"))
        for seed in ("seed_0", "seed_1"):
            assert pilots[cells[seed]["learning_rate"]] == max(pilots.values()) and cells[seed]["epochs"] == 2
            cases = cells[seed]["test"]["cases"]
            assert cells[seed]["test"]["mean"]["dsc"] == pytest.approx(np.mean([case["dsc"] for case in cases]))
        assert cells["seed_0"]["validation_dsc"] != cells["seed_1"]["validation_dsc"]
    costs = json.loads((finished / "costs.json").read_text())
    assert set(costs) == set(NAMES) and all(cost["latency_ms"] > 0 for cost in costs.values())


def test_what_is_done_is_not_repeated_even_without_its_run_folders(
    copy: Path, nuclei_phantom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(copy / "runs")
    monkeypatch.setattr(Cell, "execute", lambda *arguments: pytest.fail("something was run again"))
    monkeypatch.setattr(module, "evaluate", lambda run: pytest.fail("something was measured again"))
    assert run(comparison(copy, nuclei_phantom)) == {}


def test_a_network_that_fails_is_recorded_and_the_others_go_on(
    copy: Path, nuclei_phantom: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*arguments: Any) -> Any:
        raise MemoryError("no room for 25 GiB")

    own = registry.BASELINES["unext_s"]
    monkeypatch.setitem(registry.BASELINES, "unet", registry.Baseline("unet", own.builder, "", "", own.multiple, (2,)))
    execute = Cell.execute
    monkeypatch.setattr(
        Cell, "execute", lambda cell, *rest: refuse() if cell.entrant == "unet" else execute(cell, *rest)
    )
    failures = run(comparison(copy, nuclei_phantom), ["unet", *NAMES])
    assert list(failures) == ["unet"] and "MemoryError: no room for 25 GiB" in failures["unet"]
    (tmp_path / "reports").mkdir()
    write_report(copy, tmp_path / "reports" / "report.md")
    assert "no room for 25 GiB" in (tmp_path / "reports" / "report.md").read_text()


def test_a_folder_of_another_protocol_is_refused_with_what_differs(copy: Path, nuclei_phantom: Path) -> None:
    before = (copy / "comparison.json").read_bytes()
    with pytest.raises(ConfigError, match=r"of another protocol \(heavy_seeds was 2 and is 1; seeds was 2 and is 1\)"):
        run(comparison(copy, nuclei_phantom, seeds=1))
    with pytest.raises(ConfigError, match="is not empty: add --resume"):
        run(comparison(copy, nuclei_phantom), resume=False)
    assert (copy / "comparison.json").read_bytes() == before


def test_other_images_are_refused(copy: Path, nuclei_phantom: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*.json")}
    data = Path(shutil.copytree(nuclei_phantom, tmp_path / "data"))
    picture = sorted(data.rglob("images/*.png"))[0]
    ImageOps.mirror(Image.open(picture)).save(picture)
    with pytest.raises(ConfigError, match="is of other images than"):
        run(comparison(copy, data))
    assert all(path.read_bytes() == text for path, text in before.items())
    with pytest.raises(DataError, match="There is no"):
        run(comparison(copy, tmp_path / "nowhere"))


def test_a_file_that_cannot_be_read_is_named_with_a_remedy(copy: Path, nuclei_phantom: Path, tmp_path: Path) -> None:
    for file, remedy in (
        (copy / "costs.json", "remove it, and it is measured again"),
        (Cell(copy, "unext_s", "seed_0").file, "remove it, and it is done again"),
        (copy / "comparison.json", "give another folder"),
    ):
        whole = file.read_text()
        for text in (whole[:20], "[]"):
            file.write_text(text)
            with pytest.raises(ConfigError, match=rf"{file}.*{remedy}"):
                write_report(copy, tmp_path / "report.md")
        file.write_text(whole)
    assert not (tmp_path / "report.md").exists()


def test_a_training_that_was_interrupted_goes_on(copy: Path, nuclei_phantom: Path) -> None:
    cell = Cell(copy, "unext_s", "seed_1")
    whole = cell.result()
    assert whole is not None
    cell.file.unlink()
    weights = (cell.run / "models" / "model.pt").read_bytes()
    assert run(comparison(copy, nuclei_phantom)) == {}
    again = cell.result()
    assert again is not None and again["validation_dsc"] == whole["validation_dsc"]
    assert again["seconds"] == whole["seconds"], "it was trained anew"
    assert (cell.run / "models" / "model.pt").read_bytes() == weights


def test_the_report_says_what_the_cells_say(finished: Path, tmp_path: Path) -> None:
    written = write_report(finished, tmp_path / "report.md")
    assert {path.name for path in written} == {
        "report.md",
        "report.csv",
        "report_cases.csv",
        "report_fronts.png",
    }
    with (tmp_path / "report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for row in rows:
        cell = Cell(finished, row["network"], f"seed_{row['seed']}").result()
        assert cell is not None
        assert float(row["dsc"]) == pytest.approx(cell["test"]["mean"]["dsc"])
    text = (tmp_path / "report.md").read_text()
    ours = [float(row["dsc"]) for row in rows if row["network"] == "lwmisn"]
    assert f"{np.mean(ours):.4f} ± {np.std(ours, ddof=1):.4f}" in text
    with (tmp_path / "report_cases.csv").open() as file:
        cases = {row[0]: [float(value) for value in row[1:]] for row in list(csv.reader(file))[1:]}
    expected = wilcoxon(np.subtract(cases["unext_s"], cases["lwmisn"])).pvalue
    assert f"| {expected:.2g} |" in text  # of a single test Holm's correction is none
    assert "92.11" in text, "the published figures are missing"


def test_before_the_test_part_is_looked_at_the_report_is_of_the_validation_part(copy: Path, tmp_path: Path) -> None:
    for path in (copy / "cells").rglob("seed_*.json"):
        result = json.loads(path.read_text())
        del result["test"]
        path.write_text(json.dumps(result))
    written = write_report(copy, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert "The test part has not been looked at yet" in text and "92.11" not in text
    assert not any(path.name.endswith("_cases.csv") for path in written)


def test_what_could_not_be_measured_is_told_and_hides_nothing(copy: Path, nuclei_phantom: Path, tmp_path: Path) -> None:
    for path in (copy / "cells" / "unext_s").glob("seed_*.json"):
        result = json.loads(path.read_text())
        del result["test"]
        path.write_text(json.dumps(result))
    (copy / "cells" / "segresnet").mkdir()
    write_report(copy, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    tested = Cell(copy, "lwmisn", "seed_0").result()
    assert tested is not None and f"The test part has {len(tested['test']['cases'])} cases" in text
    assert "92.11" in text
    assert "- `unext_s`: not measured on the test part yet\n" in text and "- `segresnet`: not trained yet\n" in text
    weights = Cell(copy, "unext_s", "seed_0").run / "models" / "model.pt"
    hidden = weights.rename(weights.with_name("hidden"))
    assert "its weights are gone" in run(comparison(copy, nuclei_phantom))["unext_s"]
    write_report(copy, tmp_path / "report.md")
    assert "- `unext_s`: test: its weights are gone" in (tmp_path / "report.md").read_text()
    assert "test" in (Cell(copy, "unext_s", "seed_1").result() or {}), "the other seed was not measured"
    hidden.rename(weights)
    assert run(comparison(copy, nuclei_phantom)) == {}
    write_report(copy, tmp_path / "report.md")
    assert "## Failed" not in (tmp_path / "report.md").read_text()


def test_a_comparison_in_which_all_failed_says_why(copy: Path, tmp_path: Path) -> None:
    for path in (copy / "cells").rglob("*.json"):
        path.write_text(json.dumps({"status": "failed", "reason": "no room for 25 GiB"}))
    with pytest.raises(ConfigError, match=r"no finished training: .* unext_s: rate_0.001: no room for 25 GiB"):
        write_report(copy, tmp_path / "report.md")


def test_figure_5_is_drawn_when_every_network_has_been_tested(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison_figures, "SHOWN", {"lwmisn": "ours"})
    written = {path.name: path for path in write_report(copy, tmp_path / "report.md")}
    picture = Image.open(written["report_examples.png"])
    assert len(np.unique(np.asarray(picture.convert("L")))) > 100
    for path in (copy / "cells" / "unext_s").glob("seed_*.json"):
        result = json.loads(path.read_text())
        del result["test"]
        path.write_text(json.dumps(result))
    assert "report_examples.png" in {path.name for path in write_report(copy, tmp_path / "report.md")}
    for path in (copy / "cells" / "lwmisn").glob("seed_*.json"):
        path.unlink()
    assert "report_examples.png" not in {path.name for path in write_report(copy, tmp_path / "report.md")}


def test_what_is_no_comparison_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no comparison.json"):
        write_report(tmp_path, tmp_path / "report.md")
    with pytest.raises(ConfigError, match=r"does not end in .md"):
        write_report(copy, tmp_path / "report.txt")
    shutil.rmtree(copy / "cells")
    with pytest.raises(ConfigError, match="has no finished training"):
        read_results(copy)
    (copy / "comparison.json").write_text('{"schema_version": 99}')
    with pytest.raises(ConfigError, match="of another release"):
        read_results(copy)
