"""Measures a network on cached cases: Dice on the prepared grid, without post-processing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.metrics import compute_dice
from scipy.ndimage import label
from torch import nn

from tools.many_networks.store import Store

PIXELS = 3_000_000
"""Of all images that a network gets at once."""


def score(network: nn.Module, store: Store, names: Sequence[str]) -> dict[str, Any]:
    """Return the Dice of some cases.

    Returns:
        ``dice``, the mean over cases and classes; ``cases``, that of each class by case; and for volumes of one class
        ``dice_largest``, the mean where only the largest part is kept. A class that neither the truth nor the network
        has counts 1.
    """
    predicted = predict(network, store, [number for name in names for number in store.numbers[name]])
    each, largest = {}, []
    for name in names:
        mask, truth = np.stack([predicted[number] for number in store.numbers[name]]), store.cases[name].label
        each[name] = _dice(mask, truth, store.classes)
        if store.volumetric and store.classes == 1:
            largest += _dice(_largest(mask), truth, 1)
    mean = {"dice": each.values(), "dice_largest": largest}
    means = {key: round(float(np.mean(list(values))), 4) for key, values in mean.items() if values}
    return {**means, "cases": {name: [round(value, 4) for value in values] for name, values in each.items()}}


@torch.no_grad()
def predict(network: nn.Module, store: Store, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """Return the classes, uint8 (x, y), of whole samples by their number."""
    alike = defaultdict(list)
    for number in numbers:
        alike[tuple(store.shape[number].tolist())].append(number)
    result: dict[int, np.ndarray] = {}
    # The fastest kernels would be looked for anew for each size.
    with torch.backends.cudnn.flags(enabled=True, benchmark=False):
        for (height, width), members in alike.items():
            size = max(1, PIXELS // (height * width))
            for at in range(0, len(members), size):
                part = members[at : at + size]
                logits = network(torch.stack([store.image(number) for number in part]))
                classes = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(1)
                result.update(zip(part, classes.to(torch.uint8).cpu().numpy(), strict=True))
    return result


def _dice(mask: np.ndarray, truth: np.ndarray, classes: int) -> list[float]:
    predicted, true = (
        torch.from_numpy(np.stack([one == k for k in range(1, classes + 1)])[None]) for one in (mask, truth)
    )
    return compute_dice(predicted, true, include_background=True, ignore_empty=False)[0].tolist()


def _largest(mask: np.ndarray) -> np.ndarray:
    parts, count = label(mask)
    return mask if count < 2 else parts == 1 + np.bincount(parts.ravel())[1:].argmax()
