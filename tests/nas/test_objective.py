"""Equation 12 by hand, and multipliers that push to a budget."""

import pytest
import torch

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.nas import CostObjective
from monai_lwmisn.networks import Supernet
from tests.nas.assembly import ARCHITECTURE
from tests.nas.tables import made_table

TABLE = made_table()
LAMBDAS = {"params": 0.015, "macs": 0.005, "latency_ms": 0.1}
NONE = {"params": 0.0, "macs": 0.0, "latency_ms": 0.0}


@pytest.fixture
def supernet() -> Supernet:
    torch.manual_seed(0)
    network = Supernet(ARCHITECTURE)
    with torch.no_grad():
        network.alpha.normal_()
    return network


@pytest.mark.parametrize("expectation", ["softmax", "linear"])
def test_an_edge_costs_by_its_weight(expectation: str) -> None:
    """With all edge weights on one edge of each node, that edge counts twice and no other does."""
    supernet = Supernet(ARCHITECTURE, edge_weights=True)
    assert supernet.beta is not None
    with torch.no_grad():
        supernet.alpha.normal_()
        supernet.beta.fill_(-1e3)[:, [0, 2, 5, 9]] = 1e3
    objective = CostObjective(supernet, TABLE, lambdas=LAMBDAS, budget={}, expectation=expectation)
    weights = supernet.alpha if expectation == "linear" else supernet.probabilities()
    expected = TABLE.expected(2 * weights[:, [0, 2, 5, 9]])
    torch.testing.assert_close(objective.expected_costs(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("expectation", ["softmax", "linear"])
def test_equation_12_by_hand(supernet: Supernet, expectation: str) -> None:
    objective = CostObjective(supernet, TABLE, lambdas=LAMBDAS, budget={}, expectation=expectation)
    weights = supernet.alpha[0] if expectation == "linear" else supernet.alpha[0].softmax(dim=-1)
    params, macs, time = 1000.0, 5e5, 3.0
    for row in weights.tolist():
        for weight, cost in zip(row, TABLE.per_operation[:, 0].T.tolist(), strict=True):
            params, macs, time = params + weight * cost[0], macs + weight * cost[1], time + weight * cost[2]
    expected = 0.015 * params / 1e6 + 0.005 * macs / 1e9 + 0.1 * time
    assert objective().item() == pytest.approx(expected, rel=1e-4)


def test_only_the_softmax_expectation_ignores_a_shift_of_alpha(supernet: Supernet) -> None:
    values = {}
    for expectation in ("softmax", "linear"):
        objective = CostObjective(supernet, TABLE, lambdas=LAMBDAS, budget={}, expectation=expectation)
        before = objective().item()
        with torch.no_grad():
            supernet.alpha += 1
        values[expectation] = objective().item() / before
    assert values["softmax"] == pytest.approx(1, rel=1e-4)
    assert abs(values["linear"] - 1) > 0.1


def test_descent_makes_cheap_operations_likely(supernet: Supernet) -> None:
    objective = CostObjective(supernet, TABLE, lambdas={**NONE, "params": 1e3}, budget={})
    optimizer = torch.optim.SGD([supernet.alpha], lr=1)
    before = objective.expected_costs()[0].item()
    for _ in range(20):
        optimizer.zero_grad()
        objective().backward()
        optimizer.step()
    assert objective.expected_costs()[0].item() < before / 2


def test_a_multiplier_rises_over_the_budget_falls_under_it_and_stops_at_zero(supernet: Supernet) -> None:
    budget = {"params": 1000.0, "macs": None, "latency_ms": None}
    objective = CostObjective(supernet, TABLE, lambdas=NONE, budget=budget)
    assert objective().item() == 0
    objective.update_multipliers({"params": 3000.0, "macs": 1.0})
    assert objective.multipliers == {"params": pytest.approx(0.2)}
    assert objective().item() == pytest.approx(0.2 * objective.expected_costs()[0].item() / 1000, rel=1e-5)
    objective.update_multipliers({"params": 500.0})
    assert objective.multipliers == {"params": pytest.approx(0.15)}
    for _ in range(5):
        objective.update_multipliers({"params": 500.0})
    assert objective.multipliers == {"params": 0}


def test_multipliers_are_its_state(supernet: Supernet) -> None:
    first, second = (CostObjective(supernet, TABLE, lambdas=NONE, budget={"macs": 1e5}) for _ in range(2))
    first.update_multipliers({"macs": 1e6})
    second.load_state_dict(first.state_dict())
    assert second() == first() != 0
    first.update_multipliers({"macs": 1e6})
    assert second.multipliers != first.multipliers


def test_unknown_expectations_are_refused(supernet: Supernet) -> None:
    with pytest.raises(ConfigError, match="search.expectation is 'median': use one of softmax, linear"):
        CostObjective(supernet, TABLE, lambdas=NONE, budget={}, expectation="median")
