"""Whole networks are drawn from all shapes, inside a budget, and the same by the same seed."""

from collections import Counter
from pathlib import Path

import optuna
import pytest
import torch

from monai_lwmisn.errors import BudgetError, ConfigError
from monai_lwmisn.nas import LatencyTable, random_genotype
from monai_lwmisn.nas.drawing import counted_costs, draw_genotype, suggest_architecture
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.genotype import PARAMETER_FREE
from tests.nas.assembly import ARCHITECTURE

CHANNELS = {"in_channels": 1, "out_channels": 2}
NETWORK = {**CHANNELS, "alpha_groups": "stages"}


def test_every_shape_is_drawn_and_widths_never_fall() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    drawn = [suggest_architecture(study.ask(), **CHANNELS) for _ in range(400)]
    assert Counter((each.stem_stride, each.details) for each in drawn).keys() == {
        (1, True), (2, True), (4, True), (4, False)
    }  # fmt: skip
    assert {len(each.node_width) for each in drawn} == {3, 4, 5, 6}
    for level in range(5):
        assert {each.skips[level] for each in drawn if len(each.skips) > level} == {"concatenate", "add", "none"}
    places = {place for each in drawn for stage in ("encoder", "middle", "decoder") for place in each.blocks_of(stage)}
    assert places == {(), ("conv",), ("conv", "conv"), ("cell",), ("cell", "cell")}
    assert 0 < sum(each.has_cells for each in drawn) < len(drawn)
    for each in drawn:
        assert each.decoder_width is not None
        for widths in (each.node_width, each.decoder_width):
            assert list(widths) == sorted(widths) and widths[0] >= 4 and widths[-1] <= 64


def test_the_number_of_slices_is_drawn_where_there_are_several_and_counts_in_the_costs() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    drawn = [suggest_architecture(study.ask(), **CHANNELS, slices=[1, 3, 5]) for _ in range(60)]
    assert Counter(each.slices for each in drawn).keys() == {1, 3, 5}
    alone = study.ask()
    assert suggest_architecture(alone, **CHANNELS, slices=[3]).slices == 3 and "slices" not in alone.params
    one, three = (
        draw_genotype(0, search_space="lwmisn_dense", budget={}, slices=[number], **NETWORK) for number in (1, 3)
    )
    stem = next(LWMISN(one).parameters())
    more = counted_costs(three, {})["params"] - counted_costs(one, {})["params"]
    assert more >= 2 * stem.numel() and more % (2 * stem.numel()) == 0


def test_a_network_keeps_the_budget_and_its_seed() -> None:
    limits = {"budget": {"params": 100_000, "macs": None}, "max_parameter_free": 2}
    first, again = (draw_genotype(3, search_space="lwmisn_dense", **limits, **NETWORK) for _ in range(2))
    assert first == again == Genotype.from_dict(first.to_dict())
    assert all(sum(edge.operation in PARAMETER_FREE for edge in cell) <= 2 for cell in first.edges.values())
    network = LWMISN(first).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) <= 100_000
    with torch.inference_mode():
        assert network(torch.rand(1, 1, 40, 56)).shape == (1, 2, 40, 56)


def test_a_measured_limit_draws_again() -> None:
    times = iter([9.0, 9.0, 1.0])
    seen: list[Genotype] = []

    def measure(genotype: Genotype) -> dict[str, float]:
        seen.append(genotype)
        return {"latency_ms": next(times)}

    budget = {"latency_ms": 5.0}
    drawn = draw_genotype(0, search_space=["conv_3x3", "zero"], budget=budget, measure=measure, **NETWORK)
    assert len(seen) == 3 and drawn == seen[-1]
    operations = {edge.operation for each in seen for cell in each.edges.values() for edge in cell}
    assert operations <= {"conv_3x3"}


def test_a_run_may_draw_the_whole_network(tmp_path: Path) -> None:
    budget = {"params": 200_000.0, "macs": None, "latency_ms": None}
    for name in ("first", "again"):
        random_genotype(
            tmp_path / name,
            ARCHITECTURE,
            search_space="lwmisn_dense",
            alpha_groups="stages",
            budget=budget,
            latency_table=LatencyTable(tmp_path),
            shape="drawn",
            slices=[5],
            seed=5,
        )
    genotype = Genotype.load(tmp_path / "first")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "first").read_bytes()
    assert (
        genotype.architecture.blocks is not None
        and genotype.architecture.slices == 5
        and genotype.architecture.in_channels == ARCHITECTURE.in_channels
    )


def test_what_cannot_be_drawn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monai_lwmisn.nas.drawing.ATTEMPTS", 2)
    with pytest.raises(BudgetError, match="None of 2 random networks keeps the budget: widen it"):
        draw_genotype(0, search_space="lwmisn_dense", budget={"params": 1.0}, **NETWORK)
    with pytest.raises(ConfigError, match="search_space is 'wide'"):
        draw_genotype(0, search_space="wide", budget={}, **NETWORK)
