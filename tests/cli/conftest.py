"""A data set of artificial images, a run on it, and a bundle."""

import shutil
from pathlib import Path

import pytest

from tests.cli.commands import SMALL, lwmisn
from tests.inference.bundles import write_bundle


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "images"
    assert lwmisn("phantom", folder, "--cases", 9, "--size", 64, "--seed", 1).code == 0
    return folder


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "nuclei"
    assert lwmisn("search", "--preset", "nuclei", "--data", data, "--out", run, *SMALL).code == 0
    assert lwmisn("train", run).code == 0
    return run


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For MR, with one class."""
    return write_bundle(tmp_path_factory.mktemp("bundle"), "prostate_mr")
