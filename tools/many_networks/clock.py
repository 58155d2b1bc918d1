"""Trains by the clock: the learning rate follows the share of the time that is over, whatever a step takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from monai_lwmisn.errors import TrainingError
from tools.many_networks.trainer import Trainer

RISE = 0.04
"""Share of the time in which the learning rate rises."""

AVERAGED_FROM = 0.15
"""Share of the time after which the average of weights begins anew, so that it forgets the early ones."""

WATCHED = (0.15, 0.6)
"""Seconds of steps between two looks at the losses, which wait for the device: more steps below, fewer above."""


def rate_factor(progress: float) -> float:
    """Return the learning rate as a share of the highest: a linear rise, times a half cosine down to zero.

    Args:
        progress: share of the time that is over.
    """
    return min(1.0, 0.05 + progress / RISE) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def train_by_clock(
    step: Callable[[], None],
    trainers: Mapping[str, Trainer],
    seconds: float,
    at_tenth: Callable[[float, int, dict[str, float]], None],
) -> tuple[int, float]:
    """Do steps until the time is over.

    Args:
        step: does one step of all trainers.
        trainers: by name of the network.
        seconds: the time.
        at_tenth: called after each tenth of the time with the seconds, the steps and each network's mean loss since
            the last look.

    Returns:
        The number of steps and the seconds that they took.

    Raises:
        TrainingError: a loss is not finite.
    """
    start = time.monotonic()
    count, chunk, averaged, shown, elapsed = 0, 2, False, 0.0, 0.0
    while elapsed < seconds:
        begin = time.monotonic()
        for _ in range(chunk):
            for trainer in trainers.values():
                trainer.set_rate(rate_factor(elapsed / seconds))
            step()
            count += 1
            elapsed = time.monotonic() - start
            if elapsed >= seconds:
                break
        losses = {name: trainer.mean_loss() for name, trainer in trainers.items()}
        elapsed = time.monotonic() - start
        _check(losses, count)
        if time.monotonic() - begin < WATCHED[0]:
            chunk = min(64, chunk * 2)
        elif time.monotonic() - begin > WATCHED[1]:
            chunk = max(1, chunk // 2)
        if not averaged and elapsed / seconds > AVERAGED_FROM:
            averaged = True
            for trainer in trainers.values():
                trainer.restart_average()
        if elapsed / seconds - shown > 0.1:
            shown = elapsed / seconds
            at_tenth(elapsed, count, losses)
    return count, elapsed


def _check(losses: Mapping[str, float], count: int) -> None:
    wrong = [name for name, loss in losses.items() if not math.isfinite(loss)]
    if wrong:
        raise TrainingError(
            f"The loss of {', '.join(wrong)} is not finite after {count} steps: lower its learning rate in the plan."
        )
