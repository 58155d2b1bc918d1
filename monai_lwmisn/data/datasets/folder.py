"""Finds a user's own data: images and labels with equal names, in two folders or side by side, whole or in parts."""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_lwmisn.data.datasets.base import DatasetFormat, Item, Scan
from monai_lwmisn.data.datasets.names import (
    FIRST_GRADER,
    IMAGE_END,
    IMAGE_FOLDERS,
    LABEL_END,
    LABEL_FOLDERS,
    PART_FOLDERS,
    RESULT_END,
    kind_of_folder,
    pair_names,
    says_label,
)
from monai_lwmisn.data.datasets.stacks import pages_as_items
from monai_lwmisn.errors import DataError, InputWarning
from monai_lwmisn.light.channel_files import CHANNEL
from monai_lwmisn.light.folders import FolderTree
from monai_lwmisn.light.pictures import LABEL_SUFFIXES, PICTURE_SUFFIXES
from monai_lwmisn.light.volumes import VOLUME_SUFFIXES

KINDS = "PNG, TIFF, JPEG, BMP, NIfTI, NRRD or MetaImage"
SUFFIXES = tuple(sorted((*PICTURE_SUFFIXES, *VOLUME_SUFFIXES), key=len, reverse=True))
LABELS = tuple(sorted((*LABEL_SUFFIXES, *VOLUME_SUFFIXES), key=len, reverse=True))


@dataclass
class _Place:
    """The images and labels by name without ending, the folder of the labels where they have one, and their part."""

    images: dict[str, list[Path]]
    labels: dict[str, list[Path]]
    where: Path | None = None
    part: str | None = None


def scan_folder(path: Path) -> Scan:
    """Pair images and labels by name. Files of the channels of an image are joined, and given parts are kept.

    Raises:
        DataError: several folders could be those of the images or labels, or each of several folders has both.
    """
    tree = FolderTree(path)
    scan = Scan()
    for place in _places(tree):
        _pair_in(place, scan)
    counts = Counter(item["case"] for item in scan.items)
    for item in scan.items:
        if counts[item["case"]] > 1:  # two parts have images of one name
            item["case"] = item["group"] = f"{item['part']}_{item['case']}"
    tree.warn()
    return pages_as_items(scan)


def _pair_in(place: _Place, scan: Scan) -> None:
    images, labels = place.images, place.labels
    for kind, named in (("images", images), ("labels", labels)):
        for first, *others in named.values():
            if others:
                scan.problems.append(f"The {kind} {first} and {others[0].name} have one name: rename one of them.")
    images, numbers = _join_channels(images, labels)
    partners = pair_names(images, labels)
    for name, files in images.items():
        label, *others = labels.get(partners.get(name, ""), [Path()])
        if others or (numbers is None and len(files) > 1):
            continue
        if name not in partners:
            remedy = "add NAME_label beside it or remove it"
            if place.where is not None:
                remedy = f"add {place.where / files[0].name} or remove it"
            scan.problems.append(f"The image {files[0]} has no label: {remedy}.")
            continue
        case = name if partners[name] == name else IMAGE_END.sub("", name)
        item: Item = {"image": str(files[0]), "label": str(label), "case": case, "group": case}
        if numbers is not None:
            item["image"] = [str(file) for file in files]
            own = [int(_channel_of(file)["number"]) for file in files]
            if own != numbers:
                wrong = ", ".join(str(number) for number in sorted({*own} ^ {*numbers})) or "a second time"
                scan.problems.append(f"The image {case} has not the channels of the others ({wrong}): complete it.")
                continue
        scan.items.append(item if place.part is None else {**item, "part": place.part})
    for name in sorted(set(labels) - set(partners.values())):
        scan.problems.append(f"The label {labels[name][0]} has no image: add the image or remove it.")


def describe(tree: FolderTree) -> str:
    """Return which images and labels of this form a folder has; an empty text where it has none."""
    if places := _given_parts(tree):
        return ", ".join(f"{os.path.relpath(image, tree.top)}/ ({part})" for part, (image, _) in places.items())
    pairs = [_folders_in(tree, folder) for folder in (tree.top, *_folders(tree, tree.top))]
    found = [
        f"{os.path.relpath(image, tree.top)}/ and {label.name}/"
        for image, label in pairs
        if image and label and _by_name(tree.files[image])
    ]
    if found:
        return ", ".join(found)
    images, labels = _side_by_side(tree, tree.top)
    return "images and NAME_label side by side" if pair_names(images, labels) else ""


def is_folder_for_each(tree: FolderTree) -> bool:
    """Return whether several folders with a number in their names have images and labels each, as of patients."""
    inside = [folder for folder in _folders(tree, tree.top) if all(_folders_in(tree, folder))]
    return len(inside) > 1 and all(re.search(r"\d", folder.name) for folder in inside) and not _given_parts(tree)


def _places(tree: FolderTree) -> list[_Place]:
    """The images and labels, once for each part that is given."""
    top = tree.top
    if parts := _given_parts(tree):
        listed = "; ".join(f"{image} as images of the part {part}" for part, (image, _) in parts.items())
        warnings.warn(f"Read {listed}.", InputWarning, stacklevel=2)
        return [
            _Place(*_side_by_side(tree, image), part=part) if image == label else _files_of(tree, image, label, part)
            for part, (image, label) in parts.items()
        ]
    pair = _folders_in(tree, top)
    if not all(pair):
        inside = {folder: both for folder in _folders(tree, top) if all(both := _folders_in(tree, folder))}
        if len(inside) > 1 and all(len(_by_name(tree.files[image])) == 1 for image, _ in inside.values() if image):
            raise DataError(f"{top} has a folder for each image: add --set data.dataset=dsb2018.")
        if len(inside) > 1:
            names = ", ".join(folder.name for folder in inside)
            raise DataError(
                f"{top} has images and labels in each of {names}: name the folders train, validation and test, or, if "
                "each is a patient, by names with a number."
            )
        pair = next(iter(inside.values()), pair)
    image_folder, label_folder = pair
    if image_folder is None or label_folder is None:
        images, labels = _side_by_side(tree, top)
        if not pair_names(images, labels):
            return []
        tree.select(tree.files[top], SUFFIXES, KINDS)
        warnings.warn(f"Read the images of {top} and the labels beside them.", InputWarning, stacklevel=2)
        return [_Place(images, labels)]
    if (image_folder, label_folder) != (top / IMAGE_FOLDERS[0], top / LABEL_FOLDERS[0]):
        sentence = f"Read {image_folder} as images and {label_folder} as labels."
        warnings.warn(sentence, InputWarning, stacklevel=2)
    return [_files_of(tree, image_folder, label_folder)]


def _given_parts(tree: FolderTree) -> dict[str, tuple[Path, Path]]:
    """The folders of images and of labels of each part: TRAIN/images, or images/TRAIN, or nnU-Net's imagesTr and Ts.

    Raises:
        DataError: two folders are of one part.
    """
    found: list[tuple[str, Path | None, Path | None]] = []
    for folder in _folders(tree, tree.top):
        if part := PART_FOLDERS.get(folder.name.lower()):
            pair = _folders_in(tree, folder)
            beside = pair == (None, None) and pair_names(*_side_by_side(tree, folder))
            found.append((part, folder, folder) if beside else (part, *pair))
    image_top, label_top = _folders_in(tree, tree.top)
    if image_top and label_top and not _by_name(tree.files[image_top]):
        labels = {folder.name.lower(): folder for folder in _folders(tree, label_top)}
        for folder in _folders(tree, image_top):
            if part := PART_FOLDERS.get(folder.name.lower()):
                found.append((part, folder, labels.get(folder.name.lower())))
    kinds = {kind_of_folder(folder.name): folder for folder in _folders(tree, tree.top)}
    for part in ("training", "validation", "test"):
        found.append((part, kinds.get(("images", part)), kinds.get(("labels", part))))
    parts: dict[str, tuple[Path, Path]] = {}
    for part, images, labels_of_it in found:
        if not images or not labels_of_it:
            continue
        if _by_name(tree.files[images]) and _by_name(tree.files[labels_of_it], LABELS):
            if part in parts:
                raise DataError(
                    f"{tree.top} has two folders of the part {part}, {parts[part][0]} and {images}: put the images "
                    "into one of them, and the labels too."
                )
            parts[part] = images, labels_of_it
    return parts if "training" in parts and len(parts) > 1 else {}


def _files_of(tree: FolderTree, image_folder: Path, label_folder: Path, part: str | None = None) -> _Place:
    """The files of two folders."""
    for folder in (image_folder, label_folder):
        for deeper in tree.files:
            if folder in deeper.parents and _by_name(tree.files[deeper]):
                tree.pass_over(deeper, f"put its files into {folder.name}/ itself")
    images = _by_name(tree.select(tree.files[image_folder], SUFFIXES, KINDS))
    labels = _by_name(tree.select(tree.files[label_folder], LABELS, KINDS), LABELS)
    if not labels:
        _refuse_other_labels(tree, label_folder, images)
    return _Place(images, labels, label_folder, part)


def _refuse_other_labels(tree: FolderTree, folder: Path, images: Iterable[str]) -> None:
    """Say what to do about labels that are no pictures or volumes beside each other.

    Raises:
        DataError: a folder has polygons as JSON, or a folder of pictures for each class.
    """
    if any(file.suffix.lower() == ".json" for file in tree.files[folder]):
        raise DataError(
            f"The labels in {folder} are JSON, as the polygons of COCO or LabelMe, which are not read: draw them as a "
            "PNG for each image, with the numbers of the classes as grey values."
        )
    classes = [deeper for deeper in _folders(tree, folder) if set(images) & set(_by_name(tree.files[deeper], LABELS))]
    if len(classes) > 1:
        raise DataError(
            f"{folder} has a folder of masks for each of {', '.join(each.name for each in classes)}: save one label "
            "for each image, in which each class has a number of its own."
        )


def _folders(tree: FolderTree, parent: Path) -> list[Path]:
    return [folder for folder in tree.files if folder.parent == parent and folder != parent]


def _folders_in(tree: FolderTree, parent: Path) -> tuple[Path | None, Path | None]:
    """The folders of the images and of the labels in a folder; the documented names come before others.

    Raises:
        DataError: several folders have other names that could be meant.
    """
    found: list[Path | None] = []
    for names in (IMAGE_FOLDERS, LABEL_FOLDERS):
        kind = "images" if names is IMAGE_FOLDERS else "labels"
        some = [
            folder
            for folder in _folders(tree, parent)
            if kind_of_folder(folder.name) in ((kind, None), (kind, "training"))
        ]
        documented = [folder for folder in some if folder.name == names[0]]
        # Beside labels by hand, retinal data sets have the field of view in a folder named mask.
        by_hand = sorted(folder for folder in some if FIRST_GRADER.match(folder.name.lower()))
        documented = documented or by_hand[:1]
        if len(some) > 1 and not documented:
            kinds = ", ".join(folder.name for folder in some)
            raise DataError(f"{parent} has the folders {kinds}, of which one is meant: name that one {names[0]}.")
        for other in some if documented else ():
            if other not in documented:
                tree.pass_over(other, f"{documented[0].name}/ is used")
        found.append(next(iter(documented or some), None))
    return found[0], found[1]


def _side_by_side(tree: FolderTree, folder: Path) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """The images and labels of one folder, where the name of a label says that it is one: Cellpose's NAME_masks."""
    images = {name: paths for name, paths in _by_name(tree.files[folder]).items() if not says_label(name)}
    labels = {name: paths for name, paths in _by_name(tree.files[folder], LABELS).items() if says_label(name)}
    images, labels = (
        {name: paths for name, paths in files.items() if not RESULT_END.search(name)} for files in (images, labels)
    )
    return images, labels


def _by_name(files: Iterable[Path], suffixes: Sequence[str] = SUFFIXES) -> dict[str, list[Path]]:
    """The files by their name without ending, because image and label may differ in format."""
    named: dict[str, list[Path]] = {}
    for file in files:
        suffix = next((suffix for suffix in suffixes if file.name.lower().endswith(suffix)), None)
        if suffix is not None:
            named.setdefault(file.name[: -len(suffix)], []).append(file)
    return named


def _join_channels(
    images: Mapping[str, list[Path]], labels: Iterable[str]
) -> tuple[dict[str, list[Path]], list[int] | None]:
    """The images with the files of their channels joined, in order, and the numbers that the most complete one has.

    They are as they were, and no numbers, unless some image has several channels and a label that names the image.
    """
    cases = {*labels, *(LABEL_END.sub("", name) for name in labels)} - set(images)
    joined: dict[str, list[Path]] = {}
    for name, files in images.items():
        channel = CHANNEL.match(name)
        joined.setdefault(channel["case"] if channel and channel["case"] in cases else name, []).extend(files)
    several = [name for name in joined if len(joined[name]) > 1 and name not in images]
    if not several:
        return dict(images), None
    joined = {
        name: files if name in images else sorted(files, key=lambda file: int(_channel_of(file)["number"]))
        for name, files in joined.items()
    }
    example = max(several, key=lambda name: len(joined[name]))
    numbers = [int(_channel_of(file)["number"]) for file in joined[example]]
    listed = ", ".join(file.name for file in joined[example])
    warnings.warn(
        f"Read {listed} as the {len(numbers)} channels of an image, and others alike.", InputWarning, stacklevel=2
    )
    return joined, numbers


def _channel_of(file: Path) -> Mapping[str, str]:
    (name,) = _by_name([file])
    channel = CHANNEL.match(name)
    return channel.groupdict() if channel else {"case": name, "number": "-1"}


FORMAT = DatasetFormat(
    description="images/ and labels/ with equal file names (PNG, TIFF, NIfTI, NRRD, MetaImage)",
    scan=scan_folder,
    describe=describe,
)
