"""Decides what is done with data: a search or a given network, random or given weights, one split or folds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from monai_lwmisn.auto.decisions import Decision, Wishes, as_asked, preset_of, with_value
from monai_lwmisn.auto.fingerprint import Fingerprint
from monai_lwmisn.auto.rules import SEARCH_SHARE, decide
from monai_lwmisn.auto.shipped import Start, nearest_start, start_name
from monai_lwmisn.errors import counted
from monai_lwmisn.networks import Genotype

FEW = 40
"""Independent cases below which a search has too little to tell networks apart by."""

START_RATE = 0.001
"""Highest learning rate of a training that begins with given weights, a quarter of the usual."""

MOST_OF_SEARCH = 0.9
"""Share of the time that counts for the search, however long it took."""

PACED = ("train.epochs", "train.warmup_epochs", "train.ema_decay", "train.val_interval")
"""Settings that follow from the pace."""


OF_A_SEARCH = ("search.trials", "search.epochs", "search.batch_size", "search.slices", "search.lambda_latency")
"""Settings that mean nothing where the network is given."""


@dataclass(frozen=True)
class Plan:
    """What is done.

    Attributes:
        search: whether a network is searched for; otherwise it is that of a shipped bundle.
        network: why.
        start: the shipped bundle whose network is taken; None where one is searched for.
        weights: whether the training begins with the weights of that bundle.
        weights_reason: why, or why not.
        folds: folds of the cross-validation; None for one split.
        folds_reason: why.
    """

    search: bool
    network: str
    start: Start | None
    weights: bool
    weights_reason: str
    folds: int | None
    folds_reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        start = None if self.start is None else {"bundle": self.start.folder.name, "params": self.start.params}
        return {**{field.name: getattr(self, field.name) for field in dataclasses.fields(self)}, "start": start}

    def sentences(self) -> list[str]:
        """Return it in words."""
        return [self.network, self.weights_reason, self.folds_reason]


def make_plan(fingerprint: Fingerprint, decisions: Sequence[Decision], wishes: Wishes) -> Plan:
    """Decide what is done.

    Args:
        fingerprint: of the data.
        decisions: the settings that were decided on.
        wishes: what the user asks for.
    """
    preset = preset_of(decisions)
    folds = preset["data"].get("folds")
    cases = counted(fingerprint.cases, "independent case")
    folds_reason = (
        f"There are {cases}: {folds} networks are trained, and each case is tested by one that has not seen it."
        if folds
        else f"There are {cases}: one network is trained, and tested on cases that it has not seen."
    )
    time_allows = preset["search"]["strategy"] == "evolve"
    asked, few = "search.strategy" in wishes.settings, fingerprint.cases < FEW
    start = None if asked or not (few or not time_allows) else nearest_start(fingerprint, preset, wishes)
    if start is None:
        how = "short trainings of whole networks" if time_allows else "a differentiable search, as the time is short"
        why = "" if time_allows and not few else " No shipped network fits these images and limits."
        if asked:
            how, why = f"the strategy {preset['search']['strategy']}, as asked", ""
        if folds:
            why += (
                " The search uses the training and validation cases of the first fold, which the other folds test on, "
                "so that their scores may be a little too high."
            )
        network = f"A network is searched for, by {how}.{why}"
        weights_reason = "The training begins with random weights, as those of a new network must."
        return Plan(True, network, None, False, weights_reason, folds, folds_reason)
    name = start_name(start.folder)
    why = f"{cases} are too few for a search" if few else "the time is too short for a search"
    network = f"The network is that of the shipped bundle '{name}', because {why}."
    chosen = "train.start" in wishes.settings
    weights = not chosen and start.weights is not None and _show_bright_blobs(fingerprint, preset)
    if chosen:
        own = wishes.settings["train.start"]
        weights_reason = f"The training begins with {'random weights' if own is None else own}, as asked."
    elif start.weights is None:
        weights_reason = "The training begins with random weights, because the terms of that bundle's would bind yours."
    elif weights:
        weights_reason = (
            f"The training begins with the weights of that bundle; {start.weights_terms} If your "
            "images are among those that it learned from (docs/README.md in it names them), the score is too high."
        )
    else:
        weights_reason = (
            "The training begins with random weights, because that bundle knows many bright blobs in a picture, and "
            "nothing else."
        )
    return Plan(False, network, start, weights, weights_reason, folds, folds_reason)


def _show_bright_blobs(fingerprint: Fingerprint, preset: Mapping[str, Any]) -> bool:
    """Whether pictures show objects as the nuclei bundle knows them; weights for others are worse than random ones."""
    turned = any(step["_target_"].endswith(".BrightForegroundd") for step in preset["data"]["intensity"])
    return fingerprint.modality == "microscopy" and (turned or fingerprint.dark_foreground < 0.5)


def planned(
    fingerprint: Fingerprint, wishes: Wishes, plan: Plan, pace: float | None, search_seconds: float | None = None
) -> list[Decision]:
    """Return the decisions with what the plan changes.

    Args:
        fingerprint: of the data.
        wishes: what the user asks for.
        plan: see :func:`make_plan`.
        pace: seconds of a step of the training, with its share of the validations.
        search_seconds: what the search took; None before it.
    """
    share = SEARCH_SHARE if plan.search else 0.0
    if plan.search and search_seconds is not None:
        share = min(MOST_OF_SEARCH, search_seconds / wishes.seconds)
    decisions = decide(fingerprint, wishes, pace, share)
    if plan.start is not None:
        decisions = [one for one in decisions if one.key not in OF_A_SEARCH]
        shape = Genotype.load(plan.start.genotype).architecture
        for each in fields(shape):
            key, value = f"architecture.{each.name}", getattr(shape, each.name)
            if each.metadata and (value != each.default or any(one.key == key for one in decisions)):
                decisions = with_value(decisions, key, value, "It is that of the given network.")
        decisions = with_value(decisions, "search.strategy", "given", plan.network)
        decisions = with_value(decisions, "search.genotype", str(plan.start.genotype), plan.network)
        if plan.weights:
            decisions = with_value(decisions, "train.start", str(plan.start.weights), plan.weights_reason)
            # Those of the last layer are random where the classes are others than in the bundle.
            if len(fingerprint.classes) == 1:
                why = "Given weights are changed by smaller steps than random ones."
                decisions = with_value(decisions, "train.learning_rate", START_RATE, why)
    return as_asked(decisions, wishes)


def paced(decisions: Sequence[Decision]) -> Mapping[str, Any]:
    """Return the settings that follow from the pace."""
    return {decision.key: decision.value for decision in decisions if decision.key in PACED}
