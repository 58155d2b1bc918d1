"""Proposes networks by changing a few choices of a good one: evolution with tournament selection.

Most choices of a drawn network do not matter alone, and few networks can be trained. A model of all choices learns
little from so few. A change of one good network keeps what made it good (Real et al., AAAI 2019, without the ageing).
"""

from __future__ import annotations

import random
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

PARENTS = 5
"""The best networks so far, one of which is changed."""

CHANGES = (1, 1, 2, 3)
"""How many choices are made anew. One of these numbers is drawn."""

CELL_SHARE = 0.3
"""Share of the changes that are inside a cell, which has more choices than the shape and decides less."""


class MutationSampler(BaseSampler):
    """Changes one to three choices of one of the best networks; choices that it did not have are made at random.

    Networks are compared by the Dice at the last rung that each reached; a later rung is better than an earlier one.

    Args:
        seed: of the proposal. A sampler proposes one network.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.parent: dict[str, Any] = {}
        self.changed: set[str] = set()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose the network to change, and the choices to make anew."""
        trained = [each for each in _finished(study) if each.intermediate_values]
        best = sorted(trained, key=lambda each: max(each.intermediate_values.items()), reverse=True)[:PARENTS]
        self.parent = dict(self.random.choice(best).params) if best else {}
        places = [name for name in self.parent if not name.startswith("cell_")]
        cells = [name for name in self.parent if name.startswith("cell_")]
        for _ in range(self.random.choice(CHANGES) if best else 0):
            among = cells if cells and self.random.random() < CELL_SHARE else places
            self.changed.add(self.random.choice(among))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """No choices are made together."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """No choices are made together."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Make a choice: the parent's, another one, or any where the parent has none. Numbers change by one."""
        options = _options(param_distribution)
        if param_name not in self.parent:
            return self.random.choice(options)
        own = self.parent[param_name]
        if param_name not in self.changed:
            return own
        if isinstance(param_distribution, IntDistribution):
            return self.random.choice([value for value in options if abs(value - own) == 1])
        return self.random.choice([value for value in options if value != own])


def _finished(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _options(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution)  # a network has no other choices
    return list(range(distribution.low, distribution.high + 1))
