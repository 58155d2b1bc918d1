"""The documents: links and paths lead somewhere, lines are short, and settings have their present names."""

import json
import re
from pathlib import Path

import pytest

from monai_lwmisn.auto.decisions import EFFORTS
from monai_lwmisn.settings import CONFIGS, all_settings
from monai_lwmisn.studies.table1 import format_table1, table1
from tests.cli.commands import lwmisn
from tools.write_settings import settings_page

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
DOCUMENTS += sorted(path for folder in ("docs", "tools") for path in (ROOT / folder).rglob("*.md"))
RESULTS = ROOT / "docs" / "results"
PRESENT = [path for path in DOCUMENTS if path.parent != RESULTS]
"""The documents that describe the present code. Those of results describe the code of the commit that they name."""

FORMER_SETTINGS = re.compile(
    r"\b(search_epochs|train_epochs|train_parts|search_mode|search_warmup_epochs|encoder_cells|middle_cells|decoder_cells"
    r"|evaluate_split|evaluate_data|inference_batch_size|given_genotype|torch_compile|cleaning|layout=)"
)


def _is_written_by_a_program(path: Path) -> bool:
    return path.parent == RESULTS and any(path.with_suffix(suffix).exists() for suffix in (".json", ".csv"))


def _prose(path: Path) -> list[str]:
    """Return the lines outside of code, tables, pictures and headings."""
    lines, in_code = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            in_code = not in_code
        elif not in_code and not line.startswith(("    ", "|", "![", "#")):
            lines.append(line)
    return lines


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_lines_are_at_most_100_characters(path: Path) -> None:
    if not _is_written_by_a_program(path):
        # A link or a path cannot be wrapped.
        assert [line for line in _prose(path) if len(line) > 100 and " " in line.strip()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_exist(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md", "docs/method.md"])
def test_files_and_folders_that_are_named_exist(name: str) -> None:
    path = r"(?<![\w/*])[a-z_]+(?:/[a-z_]+)+\.(?:py|json)\b|(?<![\w/*])[a-z_]+/(?=`)"
    named = re.findall(path, (ROOT / name).read_text(encoding="utf-8"))
    assert named
    for file in named:
        assert (ROOT / file).exists() or (ROOT / "monai_lwmisn" / file).exists(), file


@pytest.mark.parametrize("path", PRESENT, ids=lambda path: path.name)
def test_no_setting_has_a_former_name(path: Path) -> None:
    assert FORMER_SETTINGS.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", PRESENT, ids=lambda path: path.name)
def test_settings_that_are_named_exist(path: Path) -> None:
    sections = "data|architecture|search|train|inference|evaluate"
    named = set(re.findall(rf"(?:--set |`|\")((?:{sections})\.[a-z_]+)\b(?!\.json)", path.read_text(encoding="utf-8")))
    assert named - set(all_settings()) == set()


def _commands(path: Path) -> list[str]:
    """Return the calls of lwmisn in code and in tables, without what a shell or a reader would replace."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"^    lwmisn ([^#\n]+)", text, re.MULTILINE) + re.findall(r"`lwmisn ([a-z][^`]*)`", text)


@pytest.mark.parametrize("path", PRESENT, ids=lambda path: path.name)
def test_commands_and_options_that_are_named_exist(path: Path) -> None:
    for command in _commands(path):
        name, *others = command.split()
        helped = lwmisn(*([name] if name != "label" else [name, others[0]]), "--help")
        assert helped.code == 0, command
        for option in re.findall(r"(?<!\S)--?[a-z][a-z0-9-]*", command):
            assert re.search(rf"{option}\b", helped.out), command


def test_the_minutes_of_each_effort_are_those_of_the_code() -> None:
    minutes = [f"{seconds / 60:.0f}" for seconds in EFFORTS.values()]
    efforts = ", ".join(f"`--{effort}`" for effort in EFFORTS)
    row = f"| {efforts} | {minutes[0]}, {minutes[1]} (the default) or {minutes[2]} minutes for search and training |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


def test_the_page_of_settings_is_the_table_of_settings() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_every_key_of_the_table_is_on_the_page() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for section, keys in json.loads((CONFIGS / "settings.json").read_text(encoding="utf-8")).items():
        for key in keys:
            assert f"`{section}.{key}`" in page or (not section and f"`{key}`" in page)


def test_the_table_in_the_document_is_the_one_the_command_prints() -> None:
    document = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    printed = "\n".join(line.rstrip() for line in format_table1(table1()).splitlines())
    assert f"```\n{printed}\n```" in document
