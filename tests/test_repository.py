"""The repository as a whole: which room imports which, and what is installed."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

import monai_lwmisn
from monai_lwmisn.config import CONFIGS

ROOT = Path(__file__).parent.parent
PACKAGE = Path(monai_lwmisn.__file__).parent

CLOSED = {"errors", "files", "light", "networks", "inference"}
"""The part that a standalone bundle carries; it imports nothing else of the package."""

# A room may import those named after it, itself, `light`, `errors` and `files`. `studies` may import all.
ROOMS: dict[str, set[str]] = {
    "light": set(),
    "errors": set(),
    "files": set(),
    "networks": set(),
    "inference": {"networks"},
    "profiling": {"inference", "networks"},
    "settings": {"networks"},
    "config": {"settings", "inference"},
    "data": {"inference"},
    "engines": {"data", "networks"},
    "figures": {"networks"},
    "nas": {"config", "settings", "engines", "data", "profiling", "networks"},
    "training": {"engines", "data", "profiling", "inference", "networks"},
    "rollback": {"engines"},
    "locks": set(),
    "shipped": set(),
    "run": {"locks", "training", "rollback", "config", "data", "networks"},
    "auto": {
        "run",
        "bundle",
        "training",
        "engines",
        "figures",
        "rollback",
        "locks",
        "shipped",
        "profiling",
        "config",
        "settings",
        "data",
        "inference",
        "networks",
    },
    "bundle": {"locks", "training", "config", "settings", "data", "profiling", "inference", "networks"},
    "former": {"config", "settings", "networks"},
    "convert": {"bundle", "former", "config", "settings", "data", "networks"},
    "label": {"bundle", "config", "inference", "networks"},
    "napari": {"shipped", "inference"},
    "cli": {
        "auto",
        "locks",
        "rollback",
        "training",
        "label",
        "bundle",
        "convert",
        "run",
        "config",
        "settings",
        "figures",
        "data",
        "profiling",
        "inference",
        "networks",
    },
}
CONFIGURATIONS: dict[str, set[str]] = {
    "search": {"nas", "studies", "engines", "data", "inference", "networks"},
    "train": {"training", "engines", "data", "inference", "networks"},
    "evaluate": {"training", "engines", "data", "inference", "networks"},
    "inference": {"inference", "networks"},
    "loading_picture": {"data", "inference"},
    "loading_volume": {"data", "inference"},
}
"""By configuration, the rooms that it may name."""


def imported(path: Path) -> set[str]:
    """The rooms that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "monai_lwmisn":
            # What the package gives by name is of `run`, `inference` and `networks`.
            names |= {PUBLIC.get(alias.name, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).removeprefix("monai_lwmisn.").split(".")[0] if is_own(str(node.module)) else "")
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if is_own(alias.name) and "." in alias.name}
    return names - {"", "__version__"}


PUBLIC = {
    "search": "run",
    "train": "run",
    "evaluate": "run",
    "predict": "inference",
    "segment": "inference",
    "load_bundle": "inference",
}


def is_own(module: str) -> bool:
    return module.split(".")[0] == "monai_lwmisn"


def modules(room: str) -> list[Path]:
    return [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").exists() else sorted((PACKAGE / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    allowed = ROOMS[room] | {room, "light", "errors", "files"}
    wrong = {str(path): imported(path) - allowed for path in modules(room) if imported(path) - allowed}
    if room == "cli":  # its commands of the study import it when they are given
        wrong = {path: names - {"studies"} for path, names in wrong.items() if names - {"studies"}}
    assert wrong == {}


def test_only_the_commands_of_the_study_import_it_and_only_when_they_are_given() -> None:
    importing = [path for room in ROOMS for path in modules(room) if "studies" in imported(path)]
    assert importing == [PACKAGE / "cli" / "studies.py"]
    at_once = [
        node for node in ast.parse(importing[0].read_text(encoding="utf-8")).body if "studies" in ast.unparse(node)
    ]
    assert not [node for node in at_once if isinstance(node, (ast.Import, ast.ImportFrom))]


def test_the_inference_is_closed() -> None:
    for room in CLOSED:
        for path in modules(room):
            assert imported(path) <= CLOSED, path


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configurations_point_the_same_way(name: str) -> None:
    named = re.findall(r"monai_lwmisn\.(\w+)", (CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    assert set(named) <= CONFIGURATIONS[name]


def test_presets_name_what_a_bundle_has() -> None:
    for path in (CONFIGS / "presets").glob("*.json"):
        assert set(re.findall(r"monai_lwmisn\.(\w+)", path.read_text(encoding="utf-8"))) <= CLOSED, path


def test_every_room_and_configuration_is_listed() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    assert rooms == {*ROOMS, "studies"}
    calling = {path.stem for path in CONFIGS.glob("*.json") if "monai_lwmisn" in path.read_text(encoding="utf-8")}
    assert calling - {"former_names"} == set(CONFIGURATIONS)


def test_no_module_is_too_long() -> None:
    long = {path.name for path in PACKAGE.rglob("*.py") if len(path.read_text(encoding="utf-8").splitlines()) > 400}
    assert long == set()


def test_all_data_are_installed() -> None:
    patterns = re.search(r'"monai_lwmisn": \[(.*?)\]', (ROOT / "setup.py").read_text(encoding="utf-8"), re.DOTALL)
    assert patterns is not None
    installed = {path for pattern in re.findall(r'"(.+?)"', patterns[1]) for path in PACKAGE.glob(pattern)}
    data = {*PACKAGE.rglob("*.json"), *PACKAGE.rglob("*.conf"), PACKAGE / "py.typed", PACKAGE / "bundle" / "LICENSE"}
    data |= {path for kind in ("html", "css", "js", "yaml") for path in PACKAGE.rglob(f"*.{kind}")}
    assert data == {path for path in installed if path.is_file()}


def test_the_license_of_bundles_is_that_of_the_repository() -> None:
    assert (PACKAGE / "bundle" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize(
    "file",
    sorted([*ROOT.glob("benchmarks/*.py"), *ROOT.glob("tools/**/*.py")]),
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_scripts_import_names_that_exist(file: Path) -> None:
    """They are not run by tests, and a name that has moved would be seen by their next user."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("monai_lwmisn"):
            module = importlib.import_module(str(node.module))
            for name in node.names:
                place = f"{node.module}.{name.name}"
                assert hasattr(module, name.name) or importlib.util.find_spec(place) is not None, place
