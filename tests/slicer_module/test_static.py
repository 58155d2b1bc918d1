"""What can be seen of the extension without running it: its lists are whole, and Slicer's index would take it."""

import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "slicer_module"
MODULE = EXTENSION / "LWMISN"
SCHEMA = {
    "$schema": str,
    "category": str,
    "scm_url": str,
    "scm_revision": str,
    "scm_type": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "enabled": bool,
    "tier": int,
}
"""The fields of slicer-extension-catalog-entry-schema-v1.0.2; it allows no other."""


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "slicer_module", "CMakeLists.txt"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def test_every_file_of_the_module_is_in_its_list() -> None:
    text = (MODULE / "CMakeLists.txt").read_text().replace("${MODULE_NAME}", "LWMISN")
    listed = {line.strip() for line in text.splitlines() if re.fullmatch(r"\s+[\w/]+\.\w+", line)}
    shipped = {path.relative_to(MODULE).as_posix() for path in tracked() if MODULE in path.parents}
    assert listed == {path for path in shipped if not path.startswith("Testing/") and path != "CMakeLists.txt"}
    for folder in (MODULE, MODULE / "Testing", MODULE / "Testing/Python", EXTENSION, ROOT):
        assert (folder / "CMakeLists.txt").is_file()
    tests = (MODULE / "Testing/Python/CMakeLists.txt").read_text()
    assert all(path.name in tests for path in MODULE.glob("Testing/Python/*.py"))


def test_the_entry_for_the_index() -> None:
    (file,) = EXTENSION.glob("*.json")
    entry = json.loads(file.read_text())
    assert {"$schema", "category", "scm_url"} <= set(entry) <= set(SCHEMA)
    assert all(isinstance(value, SCHEMA[key]) for key, value in entry.items())
    assert entry["$schema"].endswith("/slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert entry["tier"] in (1, 3, 5) and entry["scm_url"].startswith("https://")
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert re.search(r"^project\((\w+)\)", cmake, re.MULTILINE)[1] == file.stem
    assert re.search(r'EXTENSION_CATEGORY "(.*)"', cmake)[1] == entry["category"]
    assert re.search(r'EXTENSION_DEPENDS "(.*)"', cmake)[1].split() == entry["build_dependencies"]
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS"):
        assert re.search(rf'set\(EXTENSION_{name} "\S.*"\)', cmake)


def test_pictures_named_to_the_index_are_there() -> None:
    cmake = (ROOT / "CMakeLists.txt").read_text()
    named = re.findall(r'URLS? "https://raw\.githubusercontent\.com/[^/]+/[^/]+/main/([^"]+)"', cmake)
    assert len(named) == 2 and all((ROOT / path).is_file() for path in named)


def test_the_icon_is_of_the_size_that_slicer_wants() -> None:
    header = (MODULE / "Resources/Icons/LWMISN.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert [int.from_bytes(header[at : at + 4], "big") for at in (16, 20)] == [128, 128]


def test_the_form_has_known_widgets_with_names_of_their_own() -> None:
    tree = ElementTree.parse(MODULE / "Resources/UI/LWMISN.ui")
    widgets = list(tree.iter("widget"))
    ours = {element.text for element in tree.find("customwidgets").iter("class")}
    assert ours == {"ctkCollapsibleButton", "qMRMLNodeComboBox", "qMRMLWidget"}
    of_qt = {"QWidget", "QLabel", "QComboBox", "QPushButton", "QDoubleSpinBox", "QCheckBox", "QProgressBar"}
    of_qt |= {"QTableWidget", "QPlainTextEdit"}
    assert {widget.get("class") for widget in widgets} <= ours | of_qt
    names = [widget.get("name") for widget in widgets]
    assert len(set(names)) == len(names)
    used = set(re.findall(r"\bui\.(\w+)", (MODULE / "LWMISNLib/widget.py").read_text()))
    assert used <= set(names)


@pytest.mark.parametrize("path", tracked(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_line_ends_are_those_of_unix(path: Path) -> None:
    assert path.suffix == ".png" or b"\r" not in path.read_bytes()


def test_nothing_is_imported_that_slicer_lacks_when_the_module_is_loaded() -> None:
    absent = {"torch", "monai", "onnxruntime", "nibabel", "PIL", "skimage"}
    for path in [MODULE / "LWMISN.py", *MODULE.glob("LWMISNLib/*.py")]:
        at_load = re.findall(r"^(?:import|from) ([\w.]+)", path.read_text(), re.MULTILINE)
        assert not absent & {name.partition(".")[0] for name in at_load}
