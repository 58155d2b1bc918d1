"""The recipe of the container names what there is. It is not built here."""

import json
import re
from pathlib import Path

import pytest

import monai_lwmisn.light

LIGHT = Path(monai_lwmisn.light.__file__).parent


def instructions() -> dict[str, str]:
    """The arguments of the Dockerfile by instruction; each is used once."""
    text = re.sub(r"^#.*\n", "", (LIGHT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    assert len({name for name, _ in found}) == len(found)
    return dict(found)


def test_the_recipe_installs_this_folder_and_starts_its_program() -> None:
    recipe = instructions()
    assert set(recipe) == {"FROM", "COPY", "RUN", "USER", "ENTRYPOINT"}
    *sources, place = recipe["COPY"].split()
    copied = {file.name for source in sources for file in LIGHT.glob(source)}
    assert {"README.md", "pyproject.toml"} | {file.name for file in LIGHT.glob("*.py")} == copied
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    project = tomllib.loads((LIGHT / "pyproject.toml").read_text())["project"]
    assert project["readme"] in copied
    (extras,) = re.findall(rf'install .*"{place.rstrip("/")}\[(.+)\]"', recipe["RUN"])
    assert set(extras.split(",")) == {"compressed", "dicom-seg", "objects"} <= set(project["optional-dependencies"])
    assert json.loads(recipe["ENTRYPOINT"]) == list(project["scripts"])
    assert int(recipe["USER"].split(":")[0]) > 0
    version = re.fullmatch(r"python:3\.(\d+)-slim", recipe["FROM"])
    minimum = re.fullmatch(r">=3\.(\d+)", project["requires-python"])
    assert version and minimum and int(version[1]) >= int(minimum[1])
