"""A run with a loss that is not finite fails."""

import math

import pytest
from ignite.engine import Engine

from monai_lwmisn.engines.stopping import FiniteLoss
from monai_lwmisn.errors import TrainingError


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    def train(losses: list[float]) -> None:
        engine = Engine(lambda engine, loss: [{"loss": loss}])
        FiniteLoss().attach(engine)
        engine.run(losses)

    train([0.5, 0.4])
    for broken in (math.nan, math.inf):
        with pytest.raises(TrainingError, match=f"The loss is {broken} in epoch 1"):
            train([0.5, broken])
