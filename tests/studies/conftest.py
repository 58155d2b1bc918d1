"""A fixture for reports without measurements."""

from typing import Any

import pytest
from torch import nn

from tests.studies.folder import COST


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Costs that differ from ``COST``, by the names of networks. Nothing is measured."""
    others: dict[str, dict[str, Any]] = {}

    def measure(networks: dict[str, nn.Module], channels: dict[str, int]) -> dict[str, dict[str, Any]]:
        return {name: {**COST, **others.get(name, {})} for name in networks}

    monkeypatch.setattr("monai_lwmisn.studies.costs.measure", measure)
    return others
