"""The part of the package that a standalone bundle carries: what it imports, and what its cores do without."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import monai_lwmisn
from monai_lwmisn.bundle.standalone import CLOSED_PART

PACKAGE = Path(monai_lwmisn.__file__).parent
CORES = ("label_values", "labels")
"""Modules beside the MONAI side that need neither torch nor MONAI."""

LIBRARIES = {"torch", "monai", "numpy", "nibabel", "itk", "PIL", "scipy", "skimage"}
OPTIONAL = {"SimpleITK", "highdicom", "imagecodecs", "onnx_ir", "onnxruntime", "openvino", "pydicom", "tifffile"}
OWN = {"", *(name.removesuffix(".py") for name in CLOSED_PART)}


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", CORES)
def test_the_cores_import_neither_torch_nor_monai(module: str) -> None:
    run(
        "import sys\n"
        "for name in ('torch', 'monai', 'itk', 'nibabel', 'pydicom', 'highdicom', 'scipy'):\n"
        "    sys.modules[name] = None\n"
        f"import monai_lwmisn.inference.{module}\n"
    )


@pytest.mark.parametrize("module", ["networks", "inference.segment", "inference.transforms", "inference.readers"])
def test_nothing_is_imported_before_it_is_used(module: str) -> None:
    # Torch first, since it takes some of them where they are installed.
    blocked = ("ignite", "itk", "nibabel", "scipy", "skimage", *sorted(OPTIONAL))
    run(f"import sys, torch\nsys.modules |= dict.fromkeys({blocked})\nimport monai_lwmisn.{module}\n")


def test_the_closed_part_imports_itself_and_the_libraries_that_it_names() -> None:
    files = [PACKAGE / name for name in CLOSED_PART if name.endswith(".py")]
    files += [file for name in CLOSED_PART for file in (PACKAGE / name).glob("*.py")]
    assert len(files) > 30
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        when_called = {id(node) for function in functions for node in ast.walk(function)}
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            for name in names:
                top, _, rest = name.partition(".")
                if top == "monai_lwmisn":
                    # The package names what it offers to users, for type checkers.
                    own = file == PACKAGE / "__init__.py" or rest.partition(".")[0] in OWN
                    assert own, f"{file} imports {name}"
                elif top not in sys.stdlib_module_names:
                    allowed = LIBRARIES | (OPTIONAL if id(node) in when_called else set())
                    assert top in allowed, f"{file} imports {name}"
