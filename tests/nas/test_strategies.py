"""Random genotypes: all of the space, within the budget, the same for the same seed; and genotypes that are given."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_lwmisn.errors import BudgetError, ConfigError, GenotypeError
from monai_lwmisn.nas import LatencyTable, draw_edges, given_genotype, random_genotype
from monai_lwmisn.nas.derivation import Edges
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import parameter_count
from tests.nas.assembly import ARCHITECTURE
from tests.nas.tables import LEAST, PARAMS, SPACE, free_edges, is_network, made_table
from tests.networks.small import small_genotype

TABLE = made_table()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_random_networks_keep_the_budget_and_repeat_with_their_seed(seed: int) -> None:
    table = made_table(("encoder", "middle", "decoder"))
    budget = {"params": 25_000.0, "macs": None, "latency_ms": None}
    edges = draw_edges(table, seed, budget, max_parameter_free=2)
    assert is_network(edges) and free_edges(edges) <= 2
    assert table.of(edges)["params"] <= 25_000
    assert draw_edges(table, seed, budget, max_parameter_free=2) == edges
    assert draw_edges(table, seed + 1, budget, max_parameter_free=2) != edges


def test_random_networks_keep_what_was_measured_where_the_table_is_wrong() -> None:
    rejected = []

    def measure(edges: Edges) -> dict[str, float]:
        rejected.append(edges)
        return {"latency_ms": 9.0 if len(rejected) < 3 else 1.0}

    edges = draw_edges(TABLE, 0, {"latency_ms": 8.0}, measure=measure)
    assert len(rejected) == 3 and edges == rejected[-1] and edges not in rejected[:-1]


def test_random_networks_use_all_operations_and_connections() -> None:
    drawn = [edge for seed in range(60) for edge in draw_edges(TABLE, seed, {})["all"]]
    assert {edge.operation for edge in drawn} == set(SPACE) - {"zero"}
    assert {edge[:2] for edge in drawn} == {(node, source) for node in range(4) for source in range(2 + node)}
    assert sum(edge.operation in PARAMS for edge in drawn) / len(drawn) == pytest.approx(5 / 7, abs=0.08)


def test_budgets_beyond_random_drawing_are_refused() -> None:
    with pytest.raises(BudgetError, match="the smallest has params"):
        draw_edges(TABLE, 0, {"params": LEAST - 1})
    with pytest.raises(BudgetError, match="None of 10000 random networks keeps the budget"):
        draw_edges(made_table(("encoder", "middle", "decoder")), 0, {"params": LEAST})


def test_a_random_genotype_is_written_with_the_architecture_of_the_run(tmp_path: Path) -> None:
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        random_genotype(
            tmp_path / name,
            ARCHITECTURE,
            search_space=["identity", "ghost_conv_3x3", "dilated_conv_3x3"],
            alpha_groups="stages",
            budget={"params": 1500.0, "macs": None, "latency_ms": None},
            latency_table=LatencyTable(tmp_path),
            seed=seed,
        )
    genotype = Genotype.load(tmp_path / "first")
    assert genotype.architecture == ARCHITECTURE and set(genotype.edges) == {"encoder", "middle", "decoder"}
    assert parameter_count(LWMISN(genotype)) <= 1500
    assert {edge.operation for cell in genotype.edges.values() for edge in cell} <= {
        "identity", "ghost_conv_3x3", "dilated_conv_3x3"
    }  # fmt: skip
    assert (tmp_path / "again").read_bytes() == (tmp_path / "first").read_bytes() != (tmp_path / "other").read_bytes()
    assert not (tmp_path / "latency.json").exists()


def test_a_given_genotype_is_copied_and_fitted_to_the_images(tmp_path: Path) -> None:
    source, copy = tmp_path / "source.json", tmp_path / "copy.json"
    small_genotype(in_channels=3, out_channels=1).save(source)
    given_genotype(copy, source, in_channels=3, out_channels=1, volumetric=False)
    assert copy.read_bytes() == source.read_bytes()
    given_genotype(copy, source, in_channels=4, out_channels=3, volumetric=True)
    fitted, given = Genotype.load(copy), Genotype.load(source)
    assert fitted.edges == given.edges
    assert LWMISN(fitted)(torch.zeros(1, 4, 32, 32)).shape == (1, 3, 32, 32)
    with pytest.raises(ConfigError, match="search.genotype names no file"):
        given_genotype(copy, None, in_channels=3, out_channels=1, volumetric=False)


def test_a_given_genotype_keeps_its_neighbouring_slices_and_takes_no_pictures(tmp_path: Path) -> None:
    source, copy = tmp_path / "source.json", tmp_path / "copy.json"
    small_genotype(in_channels=1, slices=3).save(source)
    given_genotype(copy, source, in_channels=2, out_channels=1, volumetric=True)
    assert LWMISN(Genotype.load(copy))(torch.zeros(1, 6, 32, 32)).shape == (1, 1, 32, 32)
    with pytest.raises(GenotypeError, match="takes 3 neighbouring slices of a volume, and the images are pictures"):
        given_genotype(copy, source, in_channels=3, out_channels=1, volumetric=False)
