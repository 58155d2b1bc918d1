"""The bundles in the repository are what this release writes, and hold nothing but what they should."""

import json
import re
from pathlib import Path

import pytest
from monai_lwmisn.bundle.bundle_checks import files, metadata, weights
from tests.bundle.test_export import contents

from monai_lwmisn.bundle.write import generated_files
from monai_lwmisn.config import resolve
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import parameter_count

SHIPPED = sorted(path.parent.parent for path in (Path(__file__).parents[2] / "bundles").glob("*/configs/metadata.json"))


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_code_and_configurations_are_those_that_this_release_writes(bundle: Path) -> None:
    facts = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))["lwmisn"]
    expected = generated_files(resolve(facts["preset"], facts["variant"], facts["settings"]))
    assert {path: (bundle / path).read_text(encoding="utf-8") for path in expected} == expected
    code = {path.relative_to(bundle).as_posix() for path in (bundle / "scripts").rglob("*.py")}
    assert code == {path for path in expected if path.startswith("scripts/")}


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_it_is_whole_and_light(bundle: Path) -> None:
    files(bundle)
    metadata(bundle)
    weights(bundle)
    assert parameter_count(LWMISN(Genotype.load(bundle / "genotype.json"))) <= 0.15e6


# Folders within an archive, as in model/code/__torch__/monai_lwmisn/networks/, do not begin with the slash.
SOURCES = re.compile(rb"site-packages|(?<![\w.-])/[\w./ -]*/monai_lwmisn/networks/")


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_no_file_has_a_path_of_the_machine_that_made_it(bundle: Path) -> None:
    files = [path for path in bundle.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) > 20
    assert {path.name: SOURCES.findall(contents(path))[:3] for path in files if SOURCES.search(contents(path))} == {}
