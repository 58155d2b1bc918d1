"""The report of a search by short trainings says which choices matter."""

import math

import optuna
from optuna.trial import TrialState

from monai_lwmisn.nas.drawing import suggest_architecture
from monai_lwmisn.nas.evolution_report import importances


def test_the_choices_that_decide_are_the_most_important() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0), direction="maximize")
    for number in range(90):
        trial = study.ask()
        architecture = suggest_architecture(trial, in_channels=1, out_channels=1)
        dice = math.log2(architecture.node_width[0]) / 20 + 0.3 * (architecture.stem_stride == 2)
        trial.report(dice, 3)
        if number % 3:  # it was stopped
            study.tell(trial, state=TrialState.PRUNED)
        else:
            trial.report(1 - dice, 9)
            study.tell(trial, 1 - dice)
    shares = importances(study.get_trials())
    assert list(shares)[:2] == ["stem", "width"] and math.isclose(sum(shares.values()), 1)
    assert {"levels", "skip_0", "skip_1", "decoder_width", "width_growth_1", "middle"} <= set(shares)
    assert not {"skip_4", "encoder_4"} & set(shares)  # not every network has so many levels
