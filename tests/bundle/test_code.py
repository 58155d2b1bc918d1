"""The code that a bundle carries is whole, and says nothing of this package."""

import ast

from monai_lwmisn.bundle.code import bundled_code
from monai_lwmisn.config import CONFIGS


def test_all_that_is_imported_comes_along() -> None:
    files = bundled_code([(CONFIGS / "train.json").read_text(), (CONFIGS / "presets/nuclei_light.json").read_text()])
    assert {"__init__.py", "networks/__init__.py", "networks/lwmisn.py", "data/readers.py"} <= set(files)
    assert not {"networks/supernet.py", "search/budget.py", "cli/program.py"} & set(files)
    for path, source in files.items():
        assert "monai_lwmisn" not in source
        package = ["scripts", *path.split("/")[:-1]]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.level or str(node.module).startswith("scripts")):
                base = package[: len(package) + 1 - node.level] if node.level else []
                module = "/".join([*base, *str(node.module).split(".")]).removeprefix("scripts").strip("/")
                assert {f"{module}.py", f"{module}/__init__.py".lstrip("/")} & set(files), f"{path}: {module}"
