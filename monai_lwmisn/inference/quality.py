"""Estimates how good a mask is, without a label: by how far the masks of changed copies of the image agree with it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch

LOOK_AT_THIS = 0.8
"""The quality below which somebody should look at the mask."""

CHANGES: tuple[tuple[Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (lambda image: image.flip(1), lambda logits: logits.flip(1)),
    (lambda image: image.rot90(1, (1, 2)), lambda logits: logits.rot90(-1, (1, 2))),
    (lambda image: image * 1.25, lambda logits: logits),
)
"""What is done to an image (channel, x, y[, z]), and what undoes it in the logits."""

__all__ = ["LOOK_AT_THIS", "estimate_quality"]


def estimate_quality(image: Any, logits: Any, predict: Callable[[Any], Any]) -> float:
    """Return the mean Dice coefficient between the masks of an image and of changed copies of it, in pairs.

    The copies are the mirror image, the image turned by a quarter, and one of more contrast. Where the network is sure,
    all give one mask.

    Args:
        image: prepared for the network, (channel, x, y[, z]).
        logits: of the image, (class, x, y[, z]).
        predict: gives the logits of an image; it is called three times.

    Returns:
        From 0 to 1; 1 also where all masks are empty.
    """
    masks = [_classes(logits), *(_classes(undo(predict(change(image)))) for change, undo in CHANGES)]
    return sum(_dice(one, other) for one, other in combinations(masks, 2)) / 6


def _classes(logits: Any) -> torch.Tensor:
    """The masks of the classes (class, ...) without the background, boolean."""
    values = torch.as_tensor(logits)
    if len(values) == 1:
        return values >= 0
    return torch.nn.functional.one_hot(values.argmax(dim=0), len(values)).movedim(-1, 0)[1:].bool()


def _dice(one: torch.Tensor, other: torch.Tensor) -> float:
    """The mean over the classes that either mask has."""
    sizes, common = one.flatten(1).sum(1) + other.flatten(1).sum(1), (one & other).flatten(1).sum(1)
    return float((2 * common / sizes)[sizes > 0].mean()) if sizes.any() else 1.0
