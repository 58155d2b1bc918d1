"""Runs and caches of the made data sets."""

from pathlib import Path

import pytest

from tests.tools.many_networks.runs import make_run
from tools.many_networks.cache import Cache
from tools.many_networks.prepare import prepare


@pytest.fixture(scope="session")
def picture_run(nuclei_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "pictures", "nuclei", nuclei_phantom)


@pytest.fixture(scope="session")
def volume_run(msd_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Volumes of two classes, of which the network takes three slices."""
    return make_run(tmp_path_factory.mktemp("runs") / "volumes", "hippocampus_mr", msd_phantom, slices=3)


@pytest.fixture(scope="session")
def pictures(picture_run: Path) -> Cache:
    return prepare(picture_run)


@pytest.fixture(scope="session")
def volumes(volume_run: Path) -> Cache:
    return prepare(volume_run, scale=(-4.0, 6.0))
