"""The supernet: what its modes run, what its alpha is, and that it holds the derived networks."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import LWMISN, SEARCH_SPACES, Architecture, Edge, Genotype, Supernet
from monai_lwmisn.networks.blocks import NORMALISATION
from monai_lwmisn.networks.cells import Cell, MixedCell, MixedOperation
from monai_lwmisn.networks.genotype import candidate_edges
from monai_lwmisn.networks.supernet import draw_softmax, find_candidates

SPACE = SEARCH_SPACES["lwmisn"]
SMALL = Architecture(
    cells={"encoder": 1, "middle": 1, "decoder": 1}, node_width=(8, 8), stem_stride=1, in_channels=3, out_channels=1
)


def supernet(architecture: Architecture = SMALL, **settings: Any) -> Supernet:
    torch.manual_seed(0)
    return Supernet(architecture, **settings)


def mixed_cells(network: nn.Module) -> list[MixedCell]:
    return [module for module in network.modules() if isinstance(module, MixedCell)]


@pytest.mark.parametrize(("alpha_groups", "groups"), [("shared", 1), ("stages", 3)])
def test_alpha_has_a_row_per_edge_and_group(alpha_groups: str, groups: int) -> None:
    network = supernet(alpha_groups=alpha_groups)
    assert network.alpha.shape == (groups, 14, 8)
    assert torch.allclose(network.probabilities().sum(dim=-1), torch.ones(groups, 14))
    network(torch.rand(1, 3, 8, 8))
    expected = [network.probabilities()[group if groups == 3 else 0] for group in range(3)]
    for cell, weights in zip(mixed_cells(network), expected, strict=True):
        assert len(cell.mixtures) == 14
        assert torch.equal(cell.weights, weights)


@pytest.mark.parametrize("edge_weights", [False, True])
def test_everything_but_alpha_is_a_weight(edge_weights: bool) -> None:
    network = supernet(edge_weights=edge_weights)
    weights = {id(each) for each in network.weight_parameters()}
    alpha = {id(each) for each in network.alpha_parameters()}
    assert not weights & alpha and weights | alpha == {id(parameter) for parameter in network.parameters()}
    assert len(alpha) == 1 + edge_weights


def test_strengths_are_operation_times_edge_weights() -> None:
    network = supernet(edge_weights=True, alpha_groups="stages")
    assert network.beta is not None
    with torch.no_grad():
        network.alpha.normal_()
        network.beta.normal_()
    strengths = network.strengths()
    for group in range(3):
        for row, (node, _) in enumerate(candidate_edges()):
            same = [other for other, (target, _) in enumerate(candidate_edges()) if target == node]
            share = 2 * network.beta[group, row].exp() / network.beta[group, same].exp().sum()
            torch.testing.assert_close(strengths[group, row], share * network.alpha[group, row].softmax(dim=-1))
    assert torch.equal(supernet().strengths(), supernet().probabilities())


@pytest.mark.parametrize("edge_weights", [False, True])
def test_a_full_cell_is_the_weighted_sum_of_all_candidates(edge_weights: bool) -> None:
    network = supernet(edge_weights=edge_weights).eval()
    x = torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        for parameter in network.alpha_parameters():
            parameter.normal_()
        network(x)
        cell = mixed_cells(network)[0]
        prev_prev = prev = network.body.stem(x)
        states = [cell.prev_prev(prev_prev, prev), cell.prev(prev, prev)]
        probabilities = torch.softmax(network.alpha[0], dim=-1)
        for node in range(4):
            total = torch.zeros_like(states[0])
            rows = [row for row, (target, _) in enumerate(candidate_edges()) if target == node]
            shares = torch.ones(len(rows)) if network.beta is None else 2 * network.beta[0, rows].softmax(dim=-1)
            for row, (target, predecessor) in enumerate(candidate_edges()):
                if target == node:
                    for column, operation in enumerate(cell.mixtures[row].operations):
                        total += shares[predecessor] * probabilities[row, column] * operation(states[predecessor])
            states.append(total)
        torch.testing.assert_close(cell(prev_prev, prev), torch.cat(states[2:], dim=1))


@pytest.mark.parametrize(("topology", "mode"), [("u", "full"), ("contrast", "full"), ("u", "pair")])
def test_a_decided_supernet_computes_what_the_derived_network_does(topology: str, mode: str) -> None:
    architecture = replace(SMALL, topology=topology)
    network = supernet(architecture, norm=NORMALISATION, mode=mode, edge_weights=mode == "pair").eval()
    operations = [name for name in SPACE if name != "zero"]
    edges = tuple(Edge(n, p, operations[(n + p) % len(operations)]) for n in range(4) for p in (0, n + 1))
    derived = LWMISN(Genotype(architecture, {"all": edges})).eval()
    with torch.no_grad():
        if mode == "full":
            network.alpha.fill_(-1e3)
            network.alpha[..., SPACE.index("zero")] = 0
            for edge in edges:
                row = candidate_edges().index((edge.node, edge.predecessor))
                network.alpha[0, row, SPACE.index(edge.operation)] = 1e3
        else:
            network.follow({"all": edges})
        # The weights of everything around the cells' operations, then of the operations that were chosen.
        derived.load_state_dict(network.state_dict(), strict=False)
        derived_cells = [module for module in derived.modules() if isinstance(module, Cell)]
        for mixed, cell in zip(mixed_cells(network), derived_cells, strict=True):
            for edge, operation in zip(sorted(edges), cell.operations, strict=True):
                mixture = mixed.mixtures[candidate_edges().index((edge.node, edge.predecessor))]
                operation.load_state_dict(mixture.operations[SPACE.index(edge.operation)].state_dict())
        x = torch.rand(2, 3, 19, 22)
        torch.testing.assert_close(network(x), derived(x))
        network.follow(None)
        assert torch.allclose(network(x), derived(x)) == (mode == "full")


def test_a_pair_runs_two_candidates_on_two_edges_of_each_node_and_moves_alpha() -> None:
    network = supernet(mode="pair", edge_weights=True, operations=[name for name in SPACE if name != "zero"])
    runs: Counter[str] = Counter()
    for name, mixture in network.named_modules():
        if isinstance(mixture, MixedOperation):
            for operation in mixture.operations:
                operation.register_forward_hook(lambda module, inputs, output, name=name: runs.update([name]))
    drawn = set()
    for _ in range(3):
        runs.clear()
        network(torch.rand(1, 3, 16, 16)).square().sum().backward()
        cell = mixed_cells(network)[0]
        nodes = [node.count_nonzero() for node in cell.edges.split([2, 3, 4, 5])]
        assert nodes == [2] * 4 and cell.edges.sum().item() == pytest.approx(8)
        assert set(runs.values()) == {2} and len(runs) == 3 * 8
        drawn.add(tuple(cell.weights.flatten().nonzero().flatten().tolist()))
    assert len(drawn) == 3
    for parameter in network.alpha_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0


def test_draws_are_without_replacement_and_follow_the_softmax() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([0.5, 0.1, 0.0, 0.4]).log()  # the third is never drawn
    weights = draw_softmax(logits.expand(20_000, 4), 2)
    assert (weights.count_nonzero(dim=-1) == 2).all()
    first, second = 0.5, 0.4
    both = first * second / (1 - first) + second * first / (1 - second)
    drawn = (weights[:, 0] > 0) & (weights[:, 3] > 0)
    assert drawn.float().mean().item() == pytest.approx(both, abs=0.02)
    assert weights[drawn][:, 0].tolist() == pytest.approx([first / (first + second)] * int(drawn.sum()))


def test_a_lower_temperature_draws_the_strong() -> None:
    network = supernet(mode="pair")
    with torch.no_grad():
        network.alpha.zero_()[..., SPACE.index("ghost_conv_3x3")] = 2
    shares = []
    for network.temperature in (1.0, 0.2):
        network(torch.rand(1, 3, 8, 8))
        shares.append(mixed_cells(network)[0].weights[:, SPACE.index("ghost_conv_3x3")].mean().item())
    assert shares[1] > 0.99 > shares[0]


def test_single_runs_one_candidate_per_edge_and_moves_alpha() -> None:
    network = supernet(mode="single")
    mixtures = [module for module in network.modules() if isinstance(module, MixedOperation)]
    runs: Counter[int] = Counter()
    for index, mixture in enumerate(mixtures):
        for operation in mixture.operations:
            operation.register_forward_hook(lambda module, inputs, output, index=index: runs.update([index]))
    drawn = set()
    for _ in range(3):
        runs.clear()
        network(torch.rand(1, 3, 16, 16)).square().sum().backward()
        chosen = mixed_cells(network)[0].weights.detach()
        assert torch.allclose(chosen.sum(dim=-1), torch.ones(14)) and ((chosen > 0.5).sum(dim=-1) == 1).all()
        computing = sum(SPACE[index] != "zero" for index in chosen.argmax(dim=-1))
        assert set(runs.values()) == {1} and len(runs) == 3 * computing
        drawn.add(tuple(chosen.argmax(dim=-1).tolist()))
    assert len(drawn) == 3
    assert network.alpha.grad is not None and network.alpha.grad.abs().sum() > 0


def test_gumbel_draws_follow_alpha() -> None:
    network = supernet(mode="single")
    with torch.no_grad():
        network.alpha.zero_()[..., SPACE.index("ghost_conv_3x3")] = 20
        network(torch.rand(1, 3, 8, 8))
    assert (mixed_cells(network)[0].weights.argmax(dim=-1) == SPACE.index("ghost_conv_3x3")).all()


@pytest.mark.parametrize("mode", ["full", "partial"])
def test_alpha_and_all_weights_of_a_mixture_learn(mode: str) -> None:
    network = supernet(replace(SMALL, node_width=(16, 16)), mode=mode, edge_weights=True)
    functional.mse_loss(network(torch.rand(2, 3, 16, 16)), torch.rand(2, 1, 16, 16)).backward()
    still = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert not still
    assert network.alpha.grad is not None and network.alpha.grad.abs().sum() > 0


def test_partial_runs_the_candidates_on_a_quarter_of_the_channels() -> None:
    assert {mixture.mixed_channels for mixture in mixed_cells(supernet(mode="partial"))[0].mixtures} == {2}
    assert {mixture.mixed_channels for mixture in mixed_cells(supernet(mode="full"))[0].mixtures} == {8}


@pytest.mark.parametrize("mode", ["full", "partial", "pair", "single"])
def test_any_size_in_any_mode(mode: str) -> None:
    network = supernet(replace(SMALL, stem_stride=2, out_channels=3), mode=mode).eval()
    assert network(torch.rand(1, 3, 7, 13)).shape == (1, 3, 7, 13)


def test_a_supernet_takes_the_space_of_darts_or_ones_own() -> None:
    assert supernet(operations="darts").operations == SEARCH_SPACES["darts"]
    assert supernet(operations=["identity", "ghost_conv_3x3"]).alpha.shape == (1, 14, 2)
    assert find_candidates("lwmisn", without_zero=True) == tuple(name for name in SPACE if name != "zero")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "double"}, "search.mode is 'double': use one of full, partial, pair, single"),
        ({"alpha_groups": "cells"}, "search.alpha_groups is 'cells': use one of shared, stages"),
        ({"operations": ["identity"]}, "search.search_space leaves fewer than two operations"),
        ({"operations": "small"}, "search.search_space is 'small': use one of lwmisn, darts"),
        ({"operations": ["identity", "conv"]}, "search.search_space has the operation 'conv': use some of identity"),
    ],
)
def test_unknown_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        supernet(**settings)
