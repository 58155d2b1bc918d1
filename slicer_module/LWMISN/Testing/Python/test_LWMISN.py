"""Runs in Slicer: what needs no package that Slicer does not have."""

import tempfile
import unittest
from pathlib import Path

from LWMISNLib import installer
from LWMISNLib.bundles import BundleList


class TestInSlicer(unittest.TestCase):
    """Run by CTest with Slicer's Python."""

    def test_bundles_come_along(self) -> None:
        """Those of the repository are found where the extension is installed."""
        with tempfile.TemporaryDirectory() as store:
            names = [bundle.path.name for bundle in BundleList(Path(store))]
        self.assertTrue(any(name.endswith("_lwmisn") for name in names))

    def test_nothing_that_slicer_is_made_of_would_be_installed(self) -> None:
        """Numpy, VTK and ITK stay."""
        names = {package.name for package in installer.required("torch")}
        self.assertFalse(names & set(installer.PROTECTED))

    def test_bundles_of_the_repository_need_no_torch(self) -> None:
        """Each has the file of the light runtime."""
        with tempfile.TemporaryDirectory() as store:
            self.assertTrue(all(bundle.light for bundle in BundleList(Path(store))))
