"""Tests of the bundles in the repository: they are what this release writes, and hold data alone."""

import re
import subprocess
from pathlib import Path

import pytest
import torch

from monai_lwmisn.bundle.configs import bundle_configs
from monai_lwmisn.bundle.metadata import settings_of
from monai_lwmisn.bundle.verify import FILES, check_code, check_files, check_metadata, check_network, check_weights
from monai_lwmisn.config import resolve
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.facts import bundle_facts
from monai_lwmisn.light.large.windows import MARGIN
from monai_lwmisn.light.predictor import FILE, load
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_weights
from monai_lwmisn.profiling import parameter_count

BUNDLES = Path(__file__).parents[2] / "bundles"
SHIPPED = sorted(path.parents[1] for path in BUNDLES.glob("*/configs/metadata.json"))

SHIPPED_FILES = (*FILES, FILE)
"""The bundles of the repository are also run where there is no torch."""

MACHINE = re.compile(rb"site-packages|/home/|/root/|/tmp/|/monai_lwmisn/networks/")
"""What the path of a machine that made a file would hold."""


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_its_configurations_are_those_that_this_release_writes(bundle: Path) -> None:
    facts = read_json(bundle / "configs" / "metadata.json")["lwmisn"]
    expected = bundle_configs(resolve(facts["preset"], facts["variant"], settings_of(facts)))
    found = {stage: read_json(bundle / "configs" / f"{stage}.json") for stage in expected}
    assert found == expected, "run tools/refresh_bundles.py"


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_it_is_whole_and_light(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bundle)
    for check in (check_files, check_metadata, check_weights, check_network):
        check(bundle)
    assert check_code(bundle).startswith("none")
    assert parameter_count(LWMISN(Genotype.load(bundle / "genotype.json"))) <= 0.15e6


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_its_onnx_file_is_of_its_weights_and_configuration(bundle: Path) -> None:
    pytest.importorskip("onnxruntime")
    with load(bundle) as predictor:  # refuses a file of other weights
        assert predictor.facts == bundle_facts(bundle), "run tools/refresh_bundles.py"


@pytest.mark.parametrize("name", ["nuclei_microscopy_lwmisn", "nuclei_microscopy_lwmisn_fast"])
def test_a_pixel_sees_less_than_the_margin_around_the_parts_of_a_large_picture(name: str) -> None:
    network = LWMISN(Genotype.load(BUNDLES / name / "genotype.json")).eval()
    load_weights(network, BUNDLES / name / "models" / "model.pt")
    centre = 349  # how far a pixel sees depends on its place: these networks halve pictures five times
    image = torch.rand(1, 3, 704, 704, requires_grad=True)
    network(image)[0, 0, centre, centre].backward()
    assert image.grad is not None
    seen = image.grad[0].abs().sum(dim=0).nonzero()
    assert 100 < (seen - centre).abs().max() <= 130 < MARGIN


def test_they_hold_the_files_of_a_bundle_alone() -> None:
    assert len(SHIPPED) == 7
    listed = subprocess.run(["git", "ls-files", "."], cwd=BUNDLES, check=True, capture_output=True, text=True)
    assert set(listed.stdout.split()) == {f"{bundle.name}/{name}" for bundle in SHIPPED for name in SHIPPED_FILES}


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_no_file_has_a_path_of_the_machine_that_made_it(bundle: Path) -> None:
    assert not [name for name in SHIPPED_FILES if MACHINE.search((bundle / name).read_bytes())]


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_the_card_names_existing_settings_and_says_what_the_folder_needs(bundle: Path) -> None:
    text = (bundle / "docs" / "README.md").read_text(encoding="utf-8")
    assert "scripts" not in text and "needs the package monai-lwmisn" in text.replace("\n", " ")
    # The weights of all were learned by a tool of this repository, and not by the commands of a run.
    assert "learned by tools/many_networks" in text.replace("\n", " ") and "lwmisn search" not in text
