"""The code a bundle carries: those modules of this package that its configurations need, under a name of their own.

A bundle runs where this package is not installed, so what its configurations name is copied into ``scripts/``, with
all that those modules import in turn. Which modules these are is read from the source, not kept in a list.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
SCRIPTS = "scripts"
"""The package inside a bundle, by the custom of the MONAI Model Zoo."""

_NAME = re.compile(rf"\b{PACKAGE.name}\b")
_MENTION = re.compile(rf"\b{PACKAGE.name}(?:\.\w+)+")
_IMPORT = re.compile(rf"from ({PACKAGE.name}[\w.]*) import (\w+)")


def bundled_text(text: str) -> str:
    """Source or configuration with this package's name replaced by the bundle's."""
    return _NAME.sub(SCRIPTS, text)


def bundled_code(configurations: Iterable[str]) -> dict[str, str]:
    """The files of ``scripts/`` for the texts of some configurations.

    Returns:
        Source by path inside ``scripts``, in order of path. A package's ``__init__`` imports only what came along.
    """
    mentioned = {
        name
        for text in configurations
        for name in (*_MENTION.findall(text), *(".".join(pair) for pair in _IMPORT.findall(text)))
    }
    modules = _closure(mentioned)
    files = {}
    for module in modules:
        path = module.relative_to(PACKAGE)
        files[path.as_posix()] = bundled_text(module.read_text(encoding="utf-8"))
        for folder in path.parents:
            initial = PACKAGE / folder / "__init__.py"
            if initial not in modules:
                files[(folder / "__init__.py").as_posix()] = bundled_text(_reduced(initial, modules))
    return dict(sorted(files.items()))


def _closure(names: Iterable[str]) -> set[Path]:
    """The modules that define some dotted names, and those that these import."""
    found: set[Path] = set()
    waiting = list(names)
    while waiting:
        module = _defining_module(waiting.pop())
        if module is not None and module not in found:
            found.add(module)
            waiting.extend(name for statement in _imports(module) for name in _origins(statement, module))
    return found


def _defining_module(name: str) -> Path | None:
    """The file that a dotted name is defined in; where a package re-exports it, the file it comes from."""
    place, parts = PACKAGE.parent, name.split(".")
    for index, part in enumerate(parts):
        place /= part
        if place.with_suffix(".py").is_file():
            return place.with_suffix(".py")
        initial = place / "__init__.py"
        if not initial.is_file():
            return None
        if index + 1 == len(parts):
            return None if _only_exports(initial) else initial
        if not (place / parts[index + 1]).with_suffix(".py").is_file() and not (place / parts[index + 1]).is_dir():
            if not _only_exports(initial):
                return initial
            exported = (origin for statement in _imports(initial) for origin in _origins(statement, initial))
            return next((_defining_module(o) for o in exported if o.rpartition(".")[2] == parts[index + 1]), None)
    return None


def _only_exports(initial: Path) -> bool:
    """Whether an ``__init__`` has imports and ``__all__`` alone."""
    body = ast.parse(initial.read_text(encoding="utf-8")).body
    return all(isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr)) or _is_all(node) for node in body)


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]


def _imports(module: Path) -> Iterator[ast.ImportFrom]:
    """The statements by which a module imports from this package."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.level or str(node.module).partition(".")[0] == PACKAGE.name):
            yield node


def _origins(statement: ast.ImportFrom, module: Path) -> list[str]:
    """The full dotted names that a statement imports."""
    package = module.parent.relative_to(PACKAGE.parent).parts
    prefix = [*package[: len(package) + 1 - statement.level]] if statement.level else []
    return [".".join([*prefix, *([statement.module] if statement.module else []), a.name]) for a in statement.names]


def _reduced(initial: Path, modules: set[Path]) -> str:
    """An ``__init__`` with those of its imports whose modules came along."""
    tree = ast.parse(initial.read_text(encoding="utf-8"))
    lines = [f'"""{ast.get_docstring(tree)}"""'] if ast.get_docstring(tree) else []
    exported: list[str] = []
    for statement in _imports(initial):
        names = [
            alias.name
            for alias, origin in zip(statement.names, _origins(statement, initial), strict=True)
            if _defining_module(origin) in modules
        ]
        if names:
            lines.append(f"from {'.' * statement.level}{statement.module or ''} import {', '.join(names)}")
            exported += names
    if exported:
        lines.append(f"__all__ = {sorted(exported)!r}")
    return "\n\n".join(lines) + "\n"
