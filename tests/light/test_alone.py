"""The light part needs neither torch nor MONAI nor the rest of the package, and imports nothing before it is used."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import monai_lwmisn.light

PACKAGE = Path(monai_lwmisn.light.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [
    ".".join(file.relative_to(PACKAGE).with_suffix("").parts) for file in FILES if not file.stem.startswith("__")
]
NEVER = ("torch", "monai", "ignite", "monai_lwmisn")
"""What the light part may not need, even inside of a function."""

LATER = (
    "highdicom",
    "imagecodecs",
    "itk",
    "nibabel",
    "onnxruntime",
    "openvino",
    "pydicom",
    "scipy",
    "skimage",
    "tifffile",
    "zarr",
)
"""What it imports when it is used, so that a picture does not wait for what reads volumes."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the light part as ``lwmisn_run``, as its own distribution installs it."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "lwmisn_run").symlink_to(PACKAGE)
    return folder


@pytest.mark.parametrize("module", MODULES)
def test_it_can_be_imported_alone(module: str, alone: Path) -> None:
    code = f"import sys\nsys.modules |= dict.fromkeys({(*NEVER, *LATER)!r})\nimport lwmisn_run.{module}\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=alone, capture_output=True, text=True, env={"PYTHONPATH": ""}
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", ["lwmisn_run", "monai_lwmisn.light"])
def test_its_functions_are_not_hidden_by_modules(package: str, alone: Path) -> None:
    for names in ("load, predict, segment", "predict", "segment"):
        code = f"from {package} import {names}\nfor _ in range(2): from {package} import predict, segment\n"
        code += "assert callable(predict) and callable(segment)"
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": f"{alone}:{PACKAGE.parents[1]}"},
        )
        assert done.returncode == 0, done.stderr


def test_it_names_nothing_of_torch_monai_and_the_rest_of_the_package() -> None:
    assert importlib.util.find_spec("torch") is not None
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            assert not {name.partition(".")[0] for name in names} & set(NEVER), file
            assert not isinstance(node, ast.ImportFrom) or node.level <= len(file.relative_to(PACKAGE).parts), (
                f"{file} leaves its own folder"
            )
