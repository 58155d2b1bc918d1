"""Finds the images that a split must keep together: slices of a patient, tiles of a picture, frames of a video."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from monai_lwmisn.data.datasets.base import Item, image_name
from monai_lwmisn.data.duplicates import group_pictures, join_groups
from monai_lwmisn.data.picture_content import describe_pictures
from monai_lwmisn.errors import ConfigError, counted
from monai_lwmisn.light.pictures import PICTURE_SUFFIXES
from monai_lwmisn.light.tiff_stacks import split_page

_SUBJECT = re.compile(
    r"(?:patient|pat|pt|subject|subj|sub|case|volume|vol|video|slide|specimen|animal|mouse)[-_ ]?\d+(?=[-_. ])", re.I
)
"""A person or thing with a number, at the start of a name that goes on."""

_PLACE = re.compile(
    r"[-_. ](?:(?:slice|slc|frame|tile|patch|crop|z)[-_ ]?\d+|r(?:ow)?[-_ ]?\d+[-_ ]?c(?:ol)?[-_ ]?\d+"
    r"|x[-_ ]?\d+[-_ ]?y[-_ ]?\d+)(?![A-Za-z0-9])",
    re.I,
)
"""The place of a slice, frame or tile, after the name of what it is a part of."""

_GRID = re.compile(r"[-_. ](?:r(?:ow)?[-_ ]?\d+[-_ ]?c|x[-_ ]?\d+[-_ ]?y)", re.I)
"""A place in a grid, which tiles of one picture have."""

_OCCASION = re.compile(
    r"[-_. ](?:(?:t|tp|time|timepoint|day|week|month|visit|ses|session|run)[-_ ]?\d+|left|right|l|r|lh|rh|od|os)$", re.I
)
"""A time or a side of the body, at the end of a name."""

_NUMBERED = re.compile(r"^(?P<whole>.*\d)[-_. ]\d+$")
_ONE_SIDE = re.compile(r"^(?P<whole>.*\d)[LR]$")
"""Names that say nothing in words: a number within a number, as in ``10002_076``, and a side, as in ``Image_01L``."""

FEWEST_WHOLES = 3
"""Fewer such numbers, as in ``test1_001``, are as likely those of an experiment as those of a patient."""

_RUNNING = re.compile(r"^(?P<stem>.*?)(?P<number>\d{1,9})$")


@dataclass(frozen=True)
class Grouping:
    """What a split keeps together.

    Attributes:
        items: the items, each with its ``group``.
        sentences: how the groups were found; empty where every image is a group of its own.
    """

    items: list[Item]
    sentences: list[str]


def group_items(items: Sequence[Item], group_by: str | None = None, own_pictures: bool = False) -> Grouping:
    """Group items by their names and by what their format knows of them.

    Args:
        items: of a data set. Those with the same ``group`` stay together.
        group_by: regular expression that is searched for in the name of each image (its ``case``). The text that it
            matches, or its first group in parentheses, is the group, and nothing else counts. None to guess.
        own_pictures: whether pictures are compared by their content too, as those of a user's own folder. One that
            cannot be read is left as it is, because the check of the data names it.

    Raises:
        ConfigError: ``group_by`` is no regular expression, or does not match a name.
    """
    items = [dict(item) for item in items]
    if group_by is not None:
        _set_by_rule(items, group_by)
        return Grouping(items, [f"data.group_by keeps together: {_described(items)}"])
    given = _links(item.get("group") or item["case"] for item in items)
    by_name = _links(groups_of_names([item["case"] for item in items]))
    sentences = []
    if not len(by_name) and all(_PLACE.search(item["case"]) for item in items):
        sentences.append("the names number slices or tiles, but do not say of what: data.group_by can say it")
    links = [given, by_name]
    if len(by_name):
        sentences.append(f"kept together by their names: {_described(_joined(items, [by_name]))}")
    if own_pictures and len(by_content := _links_by_content(items)):
        links.append(by_content)
        sentences.append(
            f"kept together, as they show the same or continue each other: {_described(_joined(items, [by_content]))}"
        )
    return Grouping(_joined(items, links), sentences)


def groups_of_names(names: Sequence[str]) -> list[str]:
    """Return the group of each name, which is the name itself unless it tells a part of something larger.

    A running number alone tells nothing, so ``img_001`` and ``img_002`` are two groups. A name without any number that
    all images share, as in ``scan_slice_001``, is none of a patient: only places in a grid make it a group. Where all
    names have a number within a number, as ``10002_076``, the first of them is the group.
    """
    for rule in (_NUMBERED, _ONE_SIDE):
        matches = [match for name in names if (match := rule.match(name))]
        found = [match["whole"] for match in matches]
        if len(found) == len(names) and FEWEST_WHOLES <= len(set(found)) < len(names):
            return found
    wholes = [_whole_of(name) for name in names]
    shared = len(set(wholes)) == 1 and not re.search(r"\d", wholes[0])
    if shared and not all(_GRID.search(name) for name in names):
        return list(names)
    return wholes


def _whole_of(name: str) -> str:
    if subject := _SUBJECT.match(name):
        return subject[0]
    place = _PLACE.search(name)
    whole = name[: place.start()] if place else name
    while occasion := _OCCASION.search(whole):
        whole = whole[: occasion.start()]
    return whole or name


def _set_by_rule(items: list[Item], group_by: str) -> None:
    try:
        rule = re.compile(group_by)
    except re.error as error:
        raise ConfigError(f"data.group_by is no regular expression ({error}): correct {group_by!r}.") from error
    for item in items:
        match = rule.search(item["case"])
        text = match and (match[1] if rule.groups else match[0])
        if not text:
            raise ConfigError(
                f"data.group_by {group_by!r} does not match the image name {item['case']}: change it so that it "
                "matches every name."
            )
        item["group"] = text


def _links(groups: Iterable[str]) -> np.ndarray:
    """Return the pairs (first, other) of the indices of equal groups, (pairs, 2)."""
    first: dict[str, int] = {}
    pairs = [(first.setdefault(group, index), index) for index, group in enumerate(groups)]
    return np.array([pair for pair in pairs if pair[0] != pair[1]], dtype=int).reshape(-1, 2)


def _links_by_content(items: Sequence[Item]) -> np.ndarray:
    names = [image_name(item) for item in items]
    # Which pages of a stack belong together was said by their format: its neighbours are all alike.
    places = [
        index
        for index, name in enumerate(names)
        if name.lower().endswith(PICTURE_SUFFIXES) and split_page(name)[1] is None
    ]
    described, _ = describe_pictures([names[index] for index in places])
    places = [index for index in places if names[index] in described]
    numbers = [_RUNNING.match(items[index]["case"]) for index in places]
    order = [
        (match["stem"], int(match["number"])) if match else (items[index]["case"], 0)
        for index, match in zip(places, numbers, strict=True)
    ]
    groups = group_pictures([described[names[index]] for index in places], order)
    pairs = [(places[group], places[own]) for own, group in enumerate(groups) if group != own]
    return np.array(pairs, dtype=int).reshape(-1, 2)


def _joined(items: Sequence[Item], links: Sequence[np.ndarray]) -> list[Item]:
    firsts = join_groups(len(items), np.concatenate(links))
    return [{**item, "group": items[first]["case"]} for item, first in zip(items, firsts, strict=True)]


def _described(items: Sequence[Item]) -> str:
    """Return the number of images and groups that have more than one, and an example."""
    members: dict[str, list[str]] = defaultdict(list)
    for item in items:
        members[item["group"]].append(item["case"])
    several = [names for names in members.values() if len(names) > 1]
    if not several:
        return "no images, each is a case of its own"
    listed = ", ".join(several[0][:3]) + (", ..." if len(several[0]) > 3 else "")
    return f"{sum(map(len, several))} images in {counted(len(several), 'case')}, such as {listed}"
