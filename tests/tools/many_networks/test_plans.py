"""The plans in the repository: their genotypes are networks of known size, and their augmentations exist."""

from pathlib import Path

import pytest

from monai_lwmisn.networks import LWMISN, Genotype
from tools.many_networks import plan as module
from tools.many_networks.augment import options_of
from tools.many_networks.plan import read_plan

PLANS = Path(module.__file__).parent / "plans"


@pytest.mark.parametrize(("name", "networks"), [("shipped", 29), ("selection", 62)])
def test_each_network_of_a_plan_is_complete(name: str, networks: int) -> None:
    entries = read_plan(PLANS / f"{name}.json")
    assert len(entries) == networks
    for entry in entries:
        assert Path(entry.genotype).is_file()
        options_of(entry.augmentation)
        assert (entry.soft_labels is None) == (entry.soft_share == 0)


def test_every_genotype_is_used_in_a_plan() -> None:
    used = {
        Path(entry.genotype).name for name in ("shipped", "selection") for entry in read_plan(PLANS / f"{name}.json")
    }
    assert used == {path.name for path in (PLANS / "genotypes").iterdir()}


@pytest.mark.parametrize(
    ("name", "channels", "parameters"),
    [
        ("N7", (3, 1), 138_929),
        ("N7_3_slices", (1, 1), 138_929),
        ("F4", (3, 1), 96_585),
        ("s2_16x4", (1, 1), 64_497),
        ("L2", (1, 1), 131_121),
        ("H3_3_slices", (1, 3), 85_491),
        ("H3_5_slices", (1, 3), 85_923),
        ("h_s2_3_slices", (1, 3), 86_963),
    ],
)
def test_the_shipped_networks_have_as_many_parameters_as_published(
    name: str, channels: tuple[int, int], parameters: int
) -> None:
    genotype = Genotype.load(PLANS / "genotypes" / f"{name}.json")
    network = LWMISN(genotype.for_images(*channels, volumetric=genotype.architecture.slices > 1))
    assert sum(each.numel() for each in network.parameters()) == parameters
