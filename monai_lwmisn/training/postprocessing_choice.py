"""Chooses on the validation part the steps of the post-processing, and the quality below which to flag a mask."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers import Inferer
from monai.metrics import DiceHelper
from monai.networks.utils import eval_mode
from monai.transforms import Compose
from monai.utils import convert_to_dst_type, convert_to_numpy
from torch import nn
from tqdm import tqdm

from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.files import read_json, sha256_of, write_json
from monai_lwmisn.inference.postprocessing import OfClassesd, native_mask
from monai_lwmisn.inference.quality import estimate_quality
from monai_lwmisn.light.instances import separate_instances
from monai_lwmisn.networks.weights import load_weights
from monai_lwmisn.training.instance_metrics import f1_at_half
from monai_lwmisn.training.postprocessing import step_name

__all__ = ["choose_postprocessing"]

MOST_STEPS = 3
"""Up to so many steps each combination is tried; of more, all or none."""

TIE = 1e-6
"""Steps that gain less than this are left out."""

FLAGGED = 10
"""Percentile of the estimates of quality on the validation part, below which a mask is flagged: a tenth of images like
these, and more of others.
"""


def choose_postprocessing(
    file: str | None,
    steps: Sequence[Callable],
    *,
    root: str | os.PathLike[str],
    weights: str | os.PathLike[str],
    network: nn.Module,
    inferer: Inferer,
    items: Callable[[], Sequence[Item]],
    dataset: Callable[..., Iterable[Mapping[str, Any]]],
    spatial: Sequence[Callable],
    label_names: Mapping[str, str],
    out_channels: int,
    instances: bool,
    device: torch.device,
) -> list[Callable]:
    """Return the steps of the post-processing that score best on the validation part.

    A class is scored by its Dice in each picture or volume on the native grid. Where objects are told apart, the score
    is the mean of the Dice and the F1 of objects. Of equal scores the one with the fewest steps is taken. The choice
    also has ``flag_below``, the estimate of quality below which `segment --flag` says: look at this.

    Args:
        file: holds the choice. It is made where it is missing, or is of other weights or steps. None takes all steps as
            they are, as in a bundle, for which they were chosen.
        steps: transforms of ``pred``, a label map (1, ...) on the native grid.
        root: the run folder, in which the file is.
        weights: file of the weights.
        network: gets the weights where the choice is made.
        inferer: brings images through the network.
        items: returns the validation part.
        dataset: makes its dataset, with ``image``, its ``truth`` and, for instances, ``true_instances``.
        spatial: the transforms that changed the grid of the image.
        label_names: name of each class by its value as text.
        out_channels: 1 for one class, otherwise background and classes.
        instances: whether objects are told apart.
        device: where the network runs.
    """
    names = [step_name(step) for step in steps]
    if file is None:
        return list(steps)
    checksum, place = sha256_of(weights), Path(root) / file
    choice = read_json(place) if place.is_file() else {}
    if choice.get("weights_sha256") != checksum or choice.get("steps") != names or "flag_below" not in choice:
        load_weights(network, weights)
        network.to(device)
        subsets = _subsets(len(steps))
        mask_of = Compose(native_mask(Compose(list(spatial)), out_channels))
        scores, estimates = [], []
        parts = items()
        for sample in tqdm(dataset(data=parts), desc="post-processing", unit="image", disable=None, leave=False):
            with eval_mode(network):
                logits = inferer(sample["image"][None].to(device), network)[0].cpu()
            estimates.append(estimate_quality(logits))
            mask = mask_of({"image": sample["image"], "pred": _like(logits, sample["image"])})["pred"]
            masks = [_applied([steps[index] for index in subset], mask) for subset in subsets]
            scores.append([_scores(found, sample, len(label_names), instances) for found in masks])
        choice = _best(np.array(scores), subsets, names, label_names)
        choice |= {"score": "mean of Dice and F1 of objects" if instances else "Dice"}
        choice |= {"flag_below": float(np.percentile(estimates, FLAGGED, method="lower"))}
        choice |= {"steps": names, "images": len(parts), "weights_sha256": checksum}
        write_json(choice, place, indent=1)
    return [
        steps[one["step"]] if one["classes"] is None else OfClassesd("pred", steps[one["step"]], one["classes"])
        for one in choice["chosen"]
    ]


def _subsets(steps: int) -> list[tuple[int, ...]]:
    if steps > MOST_STEPS:
        return [(), tuple(range(steps))]
    return [subset for size in range(steps + 1) for subset in combinations(range(steps), size)]


def _like(logits: torch.Tensor, image: Any) -> Any:
    return convert_to_dst_type(logits, image)[0]


def _applied(steps: Sequence[Callable], mask: Any) -> Any:
    return Compose(list(steps))({"pred": mask.clone()})["pred"]


def _scores(mask: Any, sample: Mapping[str, Any], classes: int, instances: bool) -> list[float]:
    """The score of each class."""
    dice = DiceHelper(include_background=False, reduction="none", ignore_empty=False, num_classes=classes + 1)
    found, truth = (torch.as_tensor(convert_to_numpy(label)).long()[None] for label in (mask, sample["truth"]))
    scores = torch.as_tensor(dice(found, truth)[0]).reshape(-1).tolist()
    if instances:
        objects = separate_instances(convert_to_numpy(mask)[0] > 0)
        f1 = f1_at_half(objects, convert_to_numpy(sample["true_instances"])[0])
        scores = [(score + f1) / 2 for score in scores]
    return scores


def _best(
    scores: np.ndarray, subsets: Sequence[tuple[int, ...]], names: Sequence[str], label_names: Mapping[str, str]
) -> dict[str, Any]:
    """Return the choice, by the scores (image, subset, class)."""
    means = scores.mean(axis=0)
    best = []
    for column in means.T:
        kept = 0
        for index in range(1, len(subsets)):  # from few steps to many
            if column[index] > column[kept] + TIE:
                kept = index
        best.append(kept)
    values = sorted(map(int, label_names))
    chosen = []
    for step, name in enumerate(names):
        of = [value for value, index in zip(values, best, strict=True) if step in subsets[index]]
        if of:
            some = len(of) < len(values)
            chosen.append(
                {
                    "step": step,
                    "name": name,
                    "classes": of if some else None,
                    "of": [label_names[str(value)] for value in of] if some else [],
                }
            )
    return {
        "chosen": chosen,
        "chosen_score": float(np.mean([means[index, number] for number, index in enumerate(best)])),
        "all_score": float(means[-1].mean()),
        "none_score": float(means[0].mean()),
    }
