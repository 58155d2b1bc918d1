"""Bundles for the tests of inference."""

from pathlib import Path

import pytest

from tests.inference.bundles import write_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For MR, with one class."""
    return write_bundle(tmp_path_factory.mktemp("bundle"), "prostate_mr")


@pytest.fixture(scope="session")
def bundle_of_two_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For MR."""
    return write_bundle(tmp_path_factory.mktemp("bundle_of_two_classes"), "hippocampus_mr")


@pytest.fixture(scope="session")
def bundle_for_ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one class, and a network that sees the volumes at another size."""
    return write_bundle(tmp_path_factory.mktemp("bundle_for_ct"), "liver_ct")
