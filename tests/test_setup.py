"""What setup.py installs is what the package imports."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import monai_lwmisn

PACKAGE = Path(monai_lwmisn.__file__).parent
BROUGHT = {"label": ("monailabel", "fastapi", "requests"), "napari": ("napari", "magicgui", "qtpy")}
"""What another program has brought, where it runs the modules of a room."""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="only since 3.11 packages are known by their files")
def test_a_plain_install_has_all_that_is_imported_without_asking() -> None:
    setup = (PACKAGE.parent / "setup.py").read_text(encoding="utf-8")
    block = re.search(r"install_requires=\[(.*?)\n    \]", setup, re.DOTALL)
    assert block is not None
    required = {re.split(r"[<>=]", name)[0].lower() for name in re.findall(r'^ +"(.+?)"', block[1], re.MULTILINE)}
    distributions = packages_distributions()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            own = {"monai_lwmisn", *BROUGHT.get(file.parent.name, ())}
            for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names - own:
                assert required & {found.lower() for found in distributions[name]}, f"{file} imports {name}"
