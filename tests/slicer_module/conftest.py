"""What the tests of the module share. They run where slicer-core is installed, see `make test`."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "slicer_module" / "LWMISN"
PYTHON = os.environ.get("LWMISN_PYTHON", str(ROOT / ".venv" / "bin" / "python"))
"""An interpreter that has torch and MONAI."""

sys.path.insert(0, str(MODULE))

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

try:
    import slicer  # noqa: F401
except ImportError:
    collect_ignore = ["test_faults.py", "test_logic.py", "test_widget.py"]


# Some of slicer-core or PySide gives away references to None that are not its own. From Python 3.12 on None needs none;
# before, the interpreter ends with an error when it runs out of them, after all tests have passed.
if sys.version_info < (3, 12):
    for _ in range(1_000_000):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))


@pytest.fixture(scope="session")
def python() -> str:
    """The interpreter of Slicer's stand-in, without torch and MONAI."""
    return sys.executable


@pytest.fixture(scope="session")
def torch_python() -> str:
    return PYTHON


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """prostate_mr, hippocampus_mr and nuclei, small and not trained, with their ONNX files."""
    folder = tmp_path_factory.mktemp("bundles")
    script = Path(__file__).parent / "make_bundles.py"
    subprocess.run([PYTHON, str(script), str(folder)], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place for temporary files, empty, with a name that is not easy on programs."""
    place = tmp_path / "temporäre Dateien"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)
    return place


@pytest.fixture
def bundle_copy(bundles: Path, tmp_path: Path) -> Path:
    """Of prostate_mr, to be changed."""
    return Path(shutil.copytree(bundles / "prostate_mr", tmp_path / "Bündel mit Leerzeichen"))
