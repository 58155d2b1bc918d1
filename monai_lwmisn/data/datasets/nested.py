"""Finds images and labels in folders of folders: a folder for each patient, BIDS, or the same folders in two trees."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monai_lwmisn.data.datasets import folder as flat
from monai_lwmisn.data.datasets.base import DatasetFormat, Item, Scan, image_name
from monai_lwmisn.data.datasets.names import LABEL_END, PART_FOLDERS, RESULT_END, kind_of_folder, pair_names, says_label
from monai_lwmisn.data.datasets.stacks import pages_as_items
from monai_lwmisn.errors import InputWarning
from monai_lwmisn.light.channel_files import SEQUENCE
from monai_lwmisn.light.dicom import looks_like_dicom
from monai_lwmisn.light.folders import FolderTree

_ONLY_LABEL = re.compile(r"(masks?|labels?|segmentations?|seg|annotations?|gt|ground[-_]?truth|truth)$", re.IGNORECASE)
_ONLY_IMAGE = re.compile(r"(images?|imaging|img|volume|scan|dicom|ct|mri?)$", re.IGNORECASE)
"""Names of files and series that say what they are and nothing else, where the folder says of whom."""

_ENTITY = re.compile(r"_(desc|label|space|res|den)-[A-Za-z0-9]+$")
"""What BIDS adds to the name of an image in the name of what was made of it."""

Key = tuple[tuple[str, ...], str]
"""The folders of a file without those that say what it is, and its name without that."""


@dataclass
class _Found:
    """Images and labels by key."""

    images: dict[Key, list[Path]] = field(default_factory=lambda: defaultdict(list))
    labels: dict[Key, list[Path]] = field(default_factory=lambda: defaultdict(list))


def scan_nested(path: Path) -> Scan:
    """Pair images and labels by the folders they are in and by their names.

    The folders of patients have a number in their name; all images in one are a group. Folders without a number, as
    benign and malignant, are kinds of images, which a split spreads evenly; train and test are given parts. Several
    images of one label that differ by the sequence in their name, as T1 and T2, are its channels.
    """
    tree = FolderTree(path)
    found, scan = _find(tree), Scan()
    pairs = dict(_pairs(found))
    rest = {label for label in found.labels if label not in set(pairs.values())}
    joined = _channels({image: found.images[image] for image in found.images if image not in pairs}, rest, scan)
    _name_unused(found, pairs, joined, tree, scan)
    keys: list[Key] = []
    of_pairs = [(image, found.images[image], found.labels[label]) for image, label in pairs.items()]
    of_channels = [(label, files, found.labels[label]) for label, files in joined.items()]
    for key, files, labels in sorted([*of_pairs, *of_channels]):
        doubled = labels if key in joined else max(files, labels, key=len)
        if len(doubled) > 1:
            scan.problems.append(
                f"The files {doubled[0]} and {doubled[1]} have one name: rename or remove one of them."
            )
            continue
        image = [str(file) for file in files] if len(files) > 1 else str(files[0])
        case = _case_of(key)
        scan.items.append({"image": image, "label": str(labels[0]), "case": case, "group": case})
        keys.append(key)
    if len({item["case"] for item in scan.items}) < len(keys):
        for item, (parts, name) in zip(scan.items, keys, strict=True):
            item["case"] = item["group"] = "_".join([*parts, LABEL_END.sub("", name)])
    _group(scan.items, [parts for parts, _ in keys])
    if scan.items:
        image, label = image_name(scan.items[0]), scan.items[0]["label"]
        sentence = f"Read {image} as an image and {label} as its label, and others alike."
        warnings.warn(sentence, InputWarning, stacklevel=2)
    tree.warn()
    return pages_as_items(scan)


def _name_unused(
    found: _Found, pairs: Mapping[Key, Key], joined: Mapping[Key, list[Path]], tree: FolderTree, scan: Scan
) -> None:
    """Note images without a label and labels without an image; pass over other sequences."""
    used = {file for files in joined.values() for file in files}
    with_label = {parts for parts, _ in [*pairs, *joined]}
    for image, files in found.images.items():
        for file in files:
            if image in pairs or file in used:
                continue
            if image[0] in with_label and SEQUENCE.search(image[1]):
                tree.pass_over(file, "without a label, beside an image that has one")
            else:
                remedy = "add one of the same name with _label behind it, or remove the image"
                scan.problems.append(f"The image {file} has no label: {remedy}.")
    for label, files in found.labels.items():
        if label not in set(pairs.values()) and label not in joined:
            scan.problems.append(f"The label {files[0]} has no image: add the image or remove it.")


def _find(tree: FolderTree) -> _Found:
    found = _Found()
    for parent, files in tree.files.items():
        known = [file for file in files if file.name.lower().endswith(flat.LABELS)]
        parts, in_labels = _folders(parent.relative_to(tree.top).parts)
        others = [file for file in files if file not in known]
        if not known and others and not in_labels and _is_series(others[0]):
            above, _ = _folders(parent.parent.relative_to(tree.top).parts)
            found.images[above, _ONLY_IMAGE.sub("", parent.name)].append(parent)
            continue
        for file in known:
            suffix = next(suffix for suffix in flat.LABELS if file.name.lower().endswith(suffix))
            name = file.name[: -len(suffix)]
            if RESULT_END.search(name):
                tree.pass_over(file, "of a second grader, or no label but made with one")
            elif in_labels or _ONLY_LABEL.match(name) or says_label(name):
                found.labels[parts, "" if _ONLY_LABEL.match(name) else name].append(file)
            elif suffix in flat.SUFFIXES:
                found.images[parts, "" if _ONLY_IMAGE.match(name) else name].append(file)
    return found


def _folders(parts: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """The folders that say of whom a file is, and whether another says that it is a label."""
    kept, label = list[str](), False
    for part in parts:
        kind = kind_of_folder(part)
        label = label or part.lower() == "derivatives" or (kind is not None and kind[0] == "labels")
        if kind is None and part.lower() not in ("derivatives", "rawdata"):
            kept.append(part)
        elif kind is not None and kind[1] is not None:  # train_images is in train
            kept.insert(0, kind[1])
    subject = next((place for place, part in enumerate(kept) if part.startswith("sub-")), 0)
    return tuple(kept[subject:]), label


def _is_series(file: Path) -> bool:
    try:
        return looks_like_dicom(file)
    except OSError:
        return False


def _pairs(found: _Found) -> Iterator[tuple[Key, Key]]:
    """The keys of an image and its label, where one label is of one image by its name."""
    folders = {parts for parts, _ in found.labels}
    for parts in sorted(folders):
        images = [name for folder, name in found.images if folder == parts]
        labels = {_ENTITY.sub("", LABEL_END.sub("", name)): name for folder, name in found.labels if folder == parts}
        plain = pair_names(images, [name for folder, name in found.labels if folder == parts])
        for name in images:
            if name in plain:
                yield (parts, name), (parts, plain[name])
            elif name in labels and labels[name] not in plain.values():
                yield (parts, name), (parts, labels[name])
            elif len(images) == len(labels) == 1:
                yield (parts, name), (parts, next(iter(labels.values())))


def _channels(images: Mapping[Key, list[Path]], labels: set[Key], scan: Scan) -> dict[Key, list[Path]]:
    """The files of the channels of images, by the key of their label: their names differ by the sequence at the end."""
    joined: dict[Key, list[Path]] = {}
    sequences: dict[Key, list[str]] = {}
    for label in sorted(labels):
        parts, name = label
        stem = LABEL_END.sub("", name)
        own = {
            found[1].lower(): files[0]
            for (folder, image), files in images.items()
            if folder == parts and (found := SEQUENCE.search(image)) and image[: found.start()] in (stem, "")
        }
        if own:
            joined[label], sequences[label] = [own[key] for key in sorted(own)], sorted(own)
    if not joined:
        return {}
    example = max(joined, key=lambda label: len(joined[label]))
    for label in list(joined):
        if sequences[label] != sequences[example]:
            missing = ", ".join(sorted({*sequences[label]} ^ {*sequences[example]}))
            scan.problems.append(
                f"The image {_case_of(label)} has not the channels of the others ({missing}): complete or remove it."
            )
            del joined[label]
    if len(sequences[example]) > 1:
        sentence = f"Read {', '.join(sequences[example])} as the channels of an image, in this order, and others alike."
        warnings.warn(sentence, InputWarning, stacklevel=3)
    return joined


def _case_of(key: Key) -> str:
    parts, name = key
    name = LABEL_END.sub("", name)
    if name and parts and name.startswith(parts[-1]):
        parts = parts[:-1]
    if name and parts and parts[0] in name:
        parts = ()
    return "_".join([*parts, *([name] if name else [])])


def _group(items: Sequence[Item], folders: Sequence[Sequence[str]]) -> None:
    """Set the group of each item, the folder of its patient, its part, and its stratum, the folder of its kind."""
    given = {PART_FOLDERS.get(parts[0].lower(), "") if parts else "" for parts in folders}
    if "" not in given and "training" in given:
        if len(given) > 1:
            for item, parts in zip(items, folders, strict=True):
                item["part"] = PART_FOLDERS[parts[0].lower()]
        folders = [parts[1:] for parts in folders]
    kinds = [parts[0] if parts and not re.search(r"\d", parts[0]) else "" for parts in folders]
    if all(kinds) and len(set(kinds)) > 1:
        for item, kind in zip(items, kinds, strict=True):
            item["stratum"] = kind
    for level in range(max(map(len, folders), default=0)):
        names = [parts[level] if len(parts) > level else "" for parts in folders]
        if len(set(names)) > 1 and all(re.search(r"\d", name) for name in names):
            for item, parts in zip(items, folders, strict=True):
                item["group"] = "/".join(parts[: level + 1])
            return


def describe(tree: FolderTree) -> str:
    """Return an image and its label in folders of folders; an empty text where a folder has none, or is a plain one."""
    if flat.describe(tree) and not flat.is_folder_for_each(tree):
        return ""
    found = _find(tree)
    pair = next(_pairs(found), None)
    if pair is not None:
        return f"{found.images[pair[0]][0].relative_to(tree.top)} and {found.labels[pair[1]][0].relative_to(tree.top)}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        joined = _channels(found.images, set(found.labels), Scan())
    label = next(iter(joined), None)
    return "" if label is None else f"{found.labels[label][0].relative_to(tree.top)} and images beside it"


FORMAT = DatasetFormat(
    description="a folder for each patient, BIDS, or the same folders in images/ and labels/",
    scan=scan_nested,
    describe=describe,
)
