"""A training on a part of the cases has the steps, the network and the test part of the run."""

from __future__ import annotations

from pathlib import Path

from monai_lwmisn.auto.label_curve import cases_of, train_on_share
from monai_lwmisn.data import read_datalist
from monai_lwmisn.networks import Genotype
from monai_lwmisn.training.epochs_done import read_epochs_done


def test_fewer_cases_are_the_only_difference(small_run: Path, nuclei_phantom: Path, tmp_path: Path) -> None:
    whole = read_datalist(small_run / "datalist.json")
    metrics = train_on_share(small_run, tmp_path / "half", 0.5, "nuclei", nuclei_phantom)
    part = read_datalist(tmp_path / "half" / "datalist.json")
    assert {*cases_of(tmp_path / "half")} < {*cases_of(small_run)}
    assert metrics["training_cases"] == len(cases_of(tmp_path / "half")) == round(len(cases_of(small_run)) / 2)
    assert part["test"] == whole["test"] and part["validation"] == whole["validation"]
    assert Genotype.load(tmp_path / "half" / "genotype.json") == Genotype.load(small_run / "genotype.json")
    done, before = read_epochs_done(tmp_path / "half"), read_epochs_done(small_run)
    assert done is not None and before is not None and done.done == 2 * before.done
    again = train_on_share(small_run, tmp_path / "half", 0.5, "nuclei", nuclei_phantom)
    assert again["mean"] == metrics["mean"]
