"""A short training that stops and goes on is the training that did not stop."""

from pathlib import Path

from monai_lwmisn import run as run_folder
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.nas import ShortTraining
from tests.nas.test_search import QUICK
from tests.networks.small import small_genotype


def test_a_training_that_stops_at_a_rung_goes_on_as_if_it_had_not(nuclei_phantom: Path, tmp_path: Path) -> None:
    genotype, run = small_genotype(in_channels=3), tmp_path / "run"
    genotype.save(tmp_path / "genotype.json")
    given = {"search.strategy": "given", "search.genotype": str(tmp_path / "genotype.json")}
    run_folder.search(run, preset="nuclei", data=nuclei_phantom, settings=QUICK | given)
    train = ShortTraining(run, epochs=2)
    first = train(genotype, tmp_path / "stopped", 0, 1)
    last = train(genotype, tmp_path / "stopped", 0, 2)
    assert train(genotype, tmp_path / "whole", 0, 2) == last != first
    assert train(genotype, tmp_path / "other", 1, 2) != last
    stopped, whole = (read_history(tmp_path / name / "history.jsonl") for name in ("stopped", "whole"))
    assert [line["loss"] for line in stopped] == [line["loss"] for line in whole] and len(whole) == 2
    assert [line["learning_rate"] for line in stopped] == [line["learning_rate"] for line in whole]
    assert not (run / "models").exists() and not (run / "train").exists()
    train.clear(tmp_path / "stopped")
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == ["history.jsonl"]
    assert train.cache.is_dir()
    train.remove_cache()
    assert not train.cache.exists()
