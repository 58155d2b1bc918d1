"""The repository as a whole: which room imports which, and what is installed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import monai_lwmisn
from monai_lwmisn.config import CONFIGS

ROOT = Path(__file__).parent.parent
PACKAGE = Path(monai_lwmisn.__file__).parent

# A room may import those named after it (and itself); every room may import `errors`.
ROOMS: dict[str, set[str]] = {
    "networks": set(),
    "data": set(),
    "workflow": {"data", "networks"},
    "search": {"workflow", "data", "networks"},
    "inference": {"data", "networks"},
    "bundle": {"inference", "training", "search", "workflow", "data", "networks"},
    "training": {"inference", "workflow", "data", "networks"},
    "comparison": {"bundle", "inference", "workflow", "data", "networks"},
    "report": {"comparison", "search", "training", "workflow", "data", "networks"},
    "label": {"bundle", "inference", "workflow", "data"},
    "cli": {"label", "report", "comparison", "bundle", "inference", "workflow", "data", "networks"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                if name.startswith("monai_lwmisn."):
                    assert name.split(".")[1] in ROOMS[room] | {room, "errors", "files"}, f"{path} imports {name}"


def test_every_room_is_listed() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("module", ["networks", "inference.segment", "inference.dicom_segmentation"])
def test_networks_and_inference_are_imported_without_the_libraries_for_data_and_training(module: str) -> None:
    code = f"""
import sys
for name in ("ignite", "itk", "SimpleITK", "pydicom", "nibabel", "highdicom", "onnxruntime", "openvino"):
    sys.modules[name] = None
import torch
import monai_lwmisn.{module}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_all_configurations_are_installed() -> None:
    patterns = re.search(r'"monai_lwmisn": \[(.*?)\]', (ROOT / "setup.py").read_text(encoding="utf-8"), re.DOTALL)
    assert patterns is not None
    installed = {path for pattern in re.findall(r'"(.+?)"', patterns[1]) for path in PACKAGE.glob(pattern)}
    assert {
        *CONFIGS.rglob("*.json"),
        *CONFIGS.rglob("*.conf"),
        PACKAGE / "py.typed",
        PACKAGE / "bundle" / "LICENSE",
    } <= installed


def test_the_license_of_bundles_is_that_of_the_repository() -> None:
    assert (PACKAGE / "bundle" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
