"""Where the results of an evaluation go, and that they do not depend on who runs it."""

from pathlib import Path
from typing import Any

import pytest

from monai_lwmisn import run as evaluation
from monai_lwmisn.config import CONFIGS, write_configs
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import LWMISN
from tests.networks.small import small_genotype


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that evaluations wrote to; a stand-in leaves the metrics."""
    folders: list[Path] = []

    def execute(config_file: Path, **runtime: Any) -> None:
        folder = Path(runtime["output_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text("{}")
        folders.append(folder)

    monkeypatch.setattr(evaluation, "execute", execute)
    return folders


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_configs(tmp_path / "run", {"evaluate": {"device": "cpu"}})
    return tmp_path / "run"


@pytest.mark.parametrize("name", [".", "..", "all", "validation", "here.zip"])
def test_other_data_never_overwrites_the_results_of_the_runs_own(
    run: Path, outputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "images" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "images" / "inner")
    for split in ("test", "validation", "training", "all"):
        evaluation.evaluate(run, split=split)
    own = set(outputs)
    evaluation.evaluate(run, data=Path(name))
    assert len(own) == 4 and outputs[-1] not in own
    expected = {".": "inner", "..": "images"}.get(name, name)
    assert outputs[-1] == run / "evaluation" / f"other-{expected}"


def test_a_part_of_other_data_is_refused(run: Path, outputs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no part 'all', .*: leave --split or --data out"):
        evaluation.evaluate(run, data=tmp_path, split="all")
    assert not outputs


def test_the_costs_are_part_of_the_configuration_so_that_monai_writes_them_too() -> None:
    from monai.bundle import ConfigParser

    genotype = small_genotype()
    config = ConfigParser.load_config_file(CONFIGS / "evaluate.json")
    parser = ConfigParser(config)
    parser["network_def"]["genotype"] = genotype
    costs = parser.get_parsed_content("report_extra")
    assert set(costs) == {"params", "macs", "latency_ms", "peak_memory_mb"}
    assert costs["params"] == sum(weights.numel() for weights in LWMISN(genotype).parameters())
