"""A proposal differs from one of the best networks in few choices, and all other choices are as before."""

from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from monai_lwmisn.nas.mutation import PARENTS, MutationSampler

CHOICES = {
    "name": CategoricalDistribution(list(range(1000))),
    "stem": CategoricalDistribution(["1", "2", "4"]),
    "growth": IntDistribution(0, 2),
    "skip": CategoricalDistribution(["add", "none"]),
    "cell_node_0": CategoricalDistribution(["a", "b", "c", "d"]),
}


def study_of(networks: int) -> optuna.Study:
    """A study whose later networks are better; the last was stopped at the first rung."""
    study = optuna.create_study(direction="maximize")
    for number in range(networks):
        rungs = {3: number / 100} if number == networks - 1 else {3: number / 100, 9: number / 50}
        stem = "4" if number >= networks - 3 else "1"
        params = {"name": number, "stem": stem, "growth": number % 3, "skip": "add", "cell_node_0": "b"}
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED if len(rungs) == 1 else TrialState.COMPLETE,
                value=None if len(rungs) == 1 else number / 50,
                params=params,
                distributions=CHOICES,
                intermediate_values=rungs,
            )
        )
    return study


def propose(study: optuna.Study, seed: int) -> dict[str, Any]:
    study.sampler = MutationSampler(seed)
    return study.ask(CHOICES).params


@pytest.mark.parametrize("seed", range(40))
def test_a_proposal_is_one_of_the_best_with_one_to_three_choices_changed(seed: int) -> None:
    study = study_of(12)
    # A network that reached the later rung is better than the last one, which did not.
    best = {number: study.trials[number].params for number in range(11 - PARENTS, 11)}
    proposal = propose(study, seed)
    parents = [best[proposal["name"]]] if proposal["name"] in best else list(best.values())
    changes = [[name for name in CHOICES if proposal[name] != parent[name]] for parent in parents]
    assert 1 <= min(map(len, changes)) <= 3
    nearest = parents[changes.index(min(changes, key=len))]
    assert abs(proposal["growth"] - nearest["growth"]) <= 1


def test_the_seed_decides_and_every_choice_is_changed_at_times() -> None:
    study = study_of(6)
    proposals = [propose(study, seed) for seed in range(60)]
    assert propose(study, 7) == proposals[7]
    assert {proposal["stem"] for proposal in proposals} == {"1", "2", "4"}
    assert {proposal["cell_node_0"] for proposal in proposals} == {"a", "b", "c", "d"}


def test_without_networks_and_for_new_choices_it_draws_at_random() -> None:
    empty = optuna.create_study(direction="maximize")
    assert {propose(empty, seed)["stem"] for seed in range(30)} == {"1", "2", "4"}
    study = study_of(6)
    drawn = set()
    for seed in range(30):
        study.sampler = MutationSampler(seed)
        drawn.add(study.ask({**CHOICES, "width": IntDistribution(4, 6)}).params["width"])
    assert drawn == {4, 5, 6}
