"""A trained run."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_lwmisn.bundle.write import write_bundle
from monai_lwmisn.run import search, train
from tests.networks.small import small_genotype


@pytest.fixture(scope="session")
def small_run(nuclei_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small network on eight images, trained for an epoch."""
    folder = tmp_path_factory.mktemp("small")
    small_genotype(in_channels=3).save(folder / "genotype.json")
    given = {"search.strategy": "given", "search.genotype": str(folder / "genotype.json")}
    settings = {**given, "train.epochs": 1, "train.val_interval": 1, "data.num_workers": 0}
    search(folder / "run", preset="nuclei", data=nuclei_phantom, settings=settings)
    train(folder / "run")
    return folder / "run"


@pytest.fixture
def small_start(small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small bundle, which takes the place of all that come with the package; its weights bind nobody."""
    bundle = tmp_path / "package" / "bundles" / "nuclei_microscopy_lwmisn"
    bundle.parent.mkdir(parents=True)
    write_bundle(small_run, bundle)
    monkeypatch.setattr("monai_lwmisn.shipped.PACKAGE", tmp_path / "package")
    return bundle
