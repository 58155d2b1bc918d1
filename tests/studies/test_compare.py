"""A comparison from raw data to its report, on phantom images."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from monai_lwmisn.data import read_datalist
from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.studies import compare as module
from monai_lwmisn.studies.baselines import registry
from monai_lwmisn.studies.compare import Comparison
from monai_lwmisn.studies.protocol import load_protocol
from monai_lwmisn.studies.report import write_report
from monai_lwmisn.studies.trials import Trial
from tests.studies.small import NAMES, comparison, run


def read(report: Path) -> str:
    """Return a report without its line breaks."""
    return " ".join(report.read_text().split())


@pytest.fixture
def copy(finished_comparison: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_comparison, tmp_path / "out"))


def test_every_network_has_pilots_trainings_and_costs(finished_comparison: Path) -> None:
    for name in NAMES:
        trials = {
            path.stem: json.loads(path.read_text()) for path in (finished_comparison / "trials" / name).glob("*.json")
        }
        searched = {"search"} if name == "lwmisn" else set()
        assert set(trials) == {"rate_0.004", "rate_0.001", "seed_0", "seed_1"} | searched
        pilots = {rate: trials[f"rate_{rate:g}"]["validation_dsc"] for rate in (0.004, 0.001)}
        assert all(trials[f"rate_{rate}"]["epochs"] == 1 for rate in ("0.004", "0.001"))
        for seed in ("seed_0", "seed_1"):
            assert pilots[trials[seed]["learning_rate"]] == max(pilots.values()) and trials[seed]["epochs"] == 2
            cases = trials[seed]["test"]["cases"]
            assert trials[seed]["test"]["mean"]["dsc"] == pytest.approx(np.mean([case["dsc"] for case in cases]))
        assert trials["seed_0"]["validation_dsc"] != trials["seed_1"]["validation_dsc"]
    costs = json.loads((finished_comparison / "costs.json").read_text())
    assert set(costs) == set(NAMES) and all(cost["latency_ms"] > 0 for cost in costs.values())


def test_finished_trials_are_not_repeated_even_without_their_run_folders(
    copy: Path, nuclei_phantom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(copy / "runs")
    monkeypatch.setattr(Trial, "execute", lambda *arguments: pytest.fail("something was run again"))
    monkeypatch.setattr(module, "evaluate", lambda run: pytest.fail("something was measured again"))
    assert run(comparison(copy, nuclei_phantom)) == {}


@pytest.mark.usefixtures("costs")
def test_trials_of_another_machine_are_taken_over(
    finished_comparison: Path, nuclei_phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(shutil.copytree(nuclei_phantom, tmp_path / "data"))
    here = comparison(tmp_path / "here", data)
    here.prepare(resume=False)
    for name in NAMES:  # each was trained elsewhere
        shutil.copytree(finished_comparison / "trials" / name, tmp_path / "here" / "trials" / name)
    monkeypatch.setattr(Trial, "execute", lambda *arguments: pytest.fail("something was run again"))
    monkeypatch.setattr(module, "evaluate", lambda run: pytest.fail("something was measured again"))
    assert run(here) == {}
    assert set(json.loads((tmp_path / "here" / "costs.json").read_text())) == set(NAMES)


@pytest.mark.usefixtures("costs")
def test_the_published_protocol_has_no_pilot(nuclei_phantom: Path, tmp_path: Path) -> None:
    protocol = load_protocol("nuclei", "paper", epochs=1, seeds=1)
    assert run(Comparison(tmp_path / "out", protocol, nuclei_phantom, say=lambda text: None), ["unext_s"]) == {}
    (file,) = (tmp_path / "out" / "trials" / "unext_s").iterdir()
    result = json.loads(file.read_text())
    assert file.name == "seed_0.json" and result["learning_rate"] == 0.006 and result["epochs"] == 1
    datalist = read_datalist(tmp_path / "out" / "datalist.json")
    images = sum(len(datalist[part]) for part in PARTS)
    assert len(result["test"]["cases"]) == len(datalist["test"]) == pytest.approx(0.3 * images, abs=1)


def test_a_network_that_fails_is_recorded_and_the_others_go_on(
    copy: Path, nuclei_phantom: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*arguments: Any) -> Any:
        raise MemoryError("no room for 25 GiB")

    own = registry.BASELINES["unext_s"]
    monkeypatch.setitem(registry.BASELINES, "unet", registry.Baseline("unet", own.builder, "", "", own.multiple))
    execute = Trial.execute
    monkeypatch.setattr(
        Trial, "execute", lambda trial, *rest: refuse() if trial.model == "unet" else execute(trial, *rest)
    )
    failures = run(comparison(copy, nuclei_phantom), ["unet", *NAMES])
    assert list(failures) == ["unet"] and "no room for 25 GiB" in failures["unet"]
    (tmp_path / "reports").mkdir()
    write_report(copy, tmp_path / "reports" / "report.md")
    assert "no room for 25 GiB" in read(tmp_path / "reports" / "report.md")


def test_a_folder_of_another_protocol_is_refused_with_what_differs(copy: Path, nuclei_phantom: Path) -> None:
    before = (copy / "comparison.json").read_bytes()
    with pytest.raises(ConfigError, match=r"another protocol \(heavy_seeds was 2 and is 1; seeds was 2 and is 1\)"):
        run(comparison(copy, nuclei_phantom, seeds=1))
    with pytest.raises(ConfigError, match="is not empty: add --resume"):
        run(comparison(copy, nuclei_phantom), resume=False)
    assert (copy / "comparison.json").read_bytes() == before


def test_other_images_are_refused(copy: Path, nuclei_phantom: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*.json")}
    data = Path(shutil.copytree(nuclei_phantom, tmp_path / "data"))
    picture = sorted(data.rglob("images/*.png"))[0]
    ImageOps.mirror(Image.open(picture)).save(picture)
    with pytest.raises(ConfigError, match="was made with other images than"):
        run(comparison(copy, data))
    assert all(path.read_bytes() == text for path, text in before.items())
    with pytest.raises(DataError, match="nowhere does not exist"):
        run(comparison(copy, tmp_path / "nowhere"))


def test_a_training_that_was_interrupted_goes_on(copy: Path, nuclei_phantom: Path) -> None:
    trial = Trial(copy, "unext_s", "seed_1")
    whole = trial.result()
    assert whole is not None
    trial.file.unlink()
    weights = (trial.run / "models" / "model.pt").read_bytes()
    assert run(comparison(copy, nuclei_phantom)) == {}
    again = trial.result()
    assert again is not None and again["validation_dsc"] == whole["validation_dsc"]
    assert again["seconds"] == whole["seconds"], "it was trained anew"
    assert (trial.run / "models" / "model.pt").read_bytes() == weights


def test_a_failed_evaluation_is_reported_and_hides_no_other_result(
    copy: Path, nuclei_phantom: Path, tmp_path: Path
) -> None:
    for path in (copy / "trials" / "unext_s").glob("seed_*.json"):
        result = json.loads(path.read_text())
        del result["test"]
        path.write_text(json.dumps(result))
    (copy / "trials" / "segresnet").mkdir()
    write_report(copy, tmp_path / "report.md")
    text = read(tmp_path / "report.md")
    tested = Trial(copy, "lwmisn", "seed_0").result()
    assert tested is not None and f"The test part has {len(tested['test']['cases'])} cases" in text
    assert "92.11" in text
    assert "- `unext_s`: not evaluated on the test part yet" in text and "- `segresnet`: not trained yet" in text
    weights = Trial(copy, "unext_s", "seed_0").run / "models" / "model.pt"
    hidden = weights.rename(weights.with_name("hidden"))
    assert "has no weights: remove" in run(comparison(copy, nuclei_phantom))["unext_s"]
    write_report(copy, tmp_path / "report.md")
    assert "has no weights: remove" in read(tmp_path / "report.md")
    assert "test" in (Trial(copy, "unext_s", "seed_1").result() or {}), "the other seed was not measured"
    hidden.rename(weights)
    assert run(comparison(copy, nuclei_phantom)) == {}
    write_report(copy, tmp_path / "report.md")
    assert "## Failed" not in read(tmp_path / "report.md")
