"""A bundle of an untrained network, its standalone zip, and an environment with MONAI alone."""

from pathlib import Path

import pytest
import torch

from monai_lwmisn.bundle.standalone import write_standalone
from monai_lwmisn.bundle.write import write_bundle
from monai_lwmisn.config import RUN_STAGES, resolve, write_configs
from monai_lwmisn.networks import LWMISN
from tests.bundle.alone import link_packages
from tests.networks.small import small_genotype


@pytest.fixture(scope="session")
def prostate_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the preset prostate_mr as training leaves it, with random weights."""
    run = tmp_path_factory.mktemp("run") / "prostate"
    configs = resolve("prostate_mr", overrides={"device": "cpu", "train.epochs": 1})
    write_configs(run, {stage: configs[stage] for stage in RUN_STAGES})
    genotype = small_genotype(in_channels=1)
    genotype.save(run / "genotype.json")
    torch.manual_seed(0)
    (run / "models").mkdir()
    torch.save(LWMISN(genotype).state_dict(), run / "models" / "model.pt")
    return run


@pytest.fixture(scope="session")
def prostate_bundle(prostate_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of that run; copy it before changing it."""
    bundle = tmp_path_factory.mktemp("bundle") / "prostate_mr_test"
    write_bundle(prostate_run, bundle)
    return bundle


@pytest.fixture(scope="session")
def standalone(prostate_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The standalone zip of that bundle."""
    archive = tmp_path_factory.mktemp("standalone") / "file.zip"
    write_standalone(prostate_bundle, archive)
    return archive


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages for :func:`tests.bundle.alone.run_alone`."""
    folder = tmp_path_factory.mktemp("alone")
    link_packages(folder)
    return folder
