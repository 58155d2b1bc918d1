"""Finds a user's own data: images and labels with equal names, in two folders or side by side."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from pathlib import Path

from monai_lwmisn.data.datasets.base import DatasetFormat, Scan
from monai_lwmisn.errors import DataError, InputWarning
from monai_lwmisn.inference.folders import FolderTree
from monai_lwmisn.inference.pictures import PICTURE_SUFFIXES
from monai_lwmisn.inference.volumes import VOLUME_SUFFIXES

SUFFIXES = tuple(sorted((*PICTURE_SUFFIXES, *VOLUME_SUFFIXES), key=len, reverse=True))
KINDS = "PNG, TIFF, JPEG, BMP, NIfTI, NRRD or MetaImage"

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "imagestr")
"""Names of the folder of the images, in lower case; the first is the documented one, the last that of nnU-Net."""

LABEL_FOLDERS = (
    *("labels", "label", "masks", "mask", "annotations", "annotation", "segmentations", "segmentation"),
    *("groundtruth", "ground_truth", "gt", "labelstr"),
)

_IMAGE_END = re.compile(r"[_-](image|img|im|0000)$", re.IGNORECASE)
_LABEL_END = re.compile(r"[_-](cp_masks?|masks?|labels?|annotations?|segmentations?|seg|gt)$", re.IGNORECASE)
_RESULT_END = re.compile(r"[_-](flows?|outlines?|cp_output|prob|probabilities)$", re.IGNORECASE)
"""The end of the name of a picture that Cellpose and others write beside images and masks."""


def scan_folder(path: Path) -> Scan:
    """Pair images and labels by name.

    Raises:
        DataError: several folders could be those of the images or labels, or each of several folders has both.
    """
    tree = FolderTree(path)
    images, labels, where = _files(tree)
    scan = Scan()
    for kind, files in (("images", images), ("labels", labels)):
        for first, *others in files.values():
            if others:
                scan.problems.append(f"The {kind} {first} and {others[0].name} have one name: rename one of them.")
    partners = _pair(images, labels)
    for name, (image, *others) in images.items():
        if others or len(labels.get(partners.get(name, ""), [])) > 1:
            continue
        if name not in partners:
            remedy = f"add {where / image.name} or remove it" if where else "add NAME_label beside it or remove it"
            scan.problems.append(f"The image {image} has no label: {remedy}.")
        else:
            case = name if partners[name] == name else _IMAGE_END.sub("", name)
            label = labels[partners[name]][0]
            scan.items.append({"image": str(image), "label": str(label), "case": case, "group": case})
    for name in sorted(set(labels) - set(partners.values())):
        scan.problems.append(f"The label {labels[name][0]} has no image: add the image or remove it.")
    tree.warn()
    return scan


def describe(tree: FolderTree) -> str:
    """Return which images and labels of this form a folder has; an empty text where it has none."""
    pairs = [_folders_in(tree, folder) for folder in (tree.top, *_folders(tree, tree.top))]
    found = [f"{os.path.relpath(image, tree.top)}/ and {label.name}/" for image, label in pairs if image and label]
    if found:
        return ", ".join(found)
    images, labels = _side_by_side(tree, tree.top)
    return "images and NAME_label side by side" if _pair(images, labels) else ""


def _files(tree: FolderTree) -> tuple[dict[str, list[Path]], dict[str, list[Path]], Path | None]:
    """The images and labels by name without ending, and the folder of the labels where they have one."""
    top = tree.top
    pair = _folders_in(tree, top)
    if not all(pair):
        inside = {folder: both for folder in _folders(tree, top) if all(both := _folders_in(tree, folder))}
        if len(inside) > 1 and all(len(_by_name(tree.files[image])) == 1 for image, _ in inside.values() if image):
            raise DataError(f"{top} has a folder for each image: add --set data.dataset=dsb2018.")
        if len(inside) > 1:
            names = ", ".join(folder.name for folder in inside)
            raise DataError(
                f"{top} has images and labels in each of {names}: give one of these folders as --data, and another "
                "later to lwmisn evaluate; or put all images into one folder and all labels into another, since the "
                "split into parts is made here."
            )
        pair = next(iter(inside.values()), pair)
    image_folder, label_folder = pair
    if image_folder is None or label_folder is None:
        images, labels = _side_by_side(tree, top)
        if not _pair(images, labels):
            return {}, {}, None
        tree.select(tree.files[top], SUFFIXES, KINDS)
        warnings.warn(f"Read the images of {top} and the labels beside them.", InputWarning, stacklevel=2)
        return images, labels, None
    if (image_folder, label_folder) != (top / IMAGE_FOLDERS[0], top / LABEL_FOLDERS[0]):
        sentence = f"Read {image_folder} as images and {label_folder} as labels."
        warnings.warn(sentence, InputWarning, stacklevel=2)
    for folder in (image_folder, label_folder):
        for deeper in tree.files:
            if folder in deeper.parents and _by_name(tree.files[deeper]):
                tree.pass_over(deeper, f"put its files into {folder.name}/ itself")
    images, labels = (
        _by_name(tree.select(tree.files[folder], SUFFIXES, KINDS)) for folder in (image_folder, label_folder)
    )
    _refuse_channels(images, labels)
    return images, labels, label_folder


def _folders(tree: FolderTree, parent: Path) -> list[Path]:
    return [folder for folder in tree.files if folder.parent == parent and folder != parent]


def _folders_in(tree: FolderTree, parent: Path) -> tuple[Path | None, Path | None]:
    """The folders of the images and of the labels in a folder; the documented names come before others.

    Raises:
        DataError: several folders have other names that could be meant.
    """
    found: list[Path | None] = []
    for names in (IMAGE_FOLDERS, LABEL_FOLDERS):
        some = [folder for folder in _folders(tree, parent) if folder.name.lower() in names]
        documented = [folder for folder in some if folder.name == names[0]]
        if len(some) > 1 and not documented:
            kinds = ", ".join(folder.name for folder in some)
            raise DataError(f"{parent} has the folders {kinds}, of which one is meant: name that one {names[0]}.")
        for other in some if documented else ():
            if other not in documented:
                tree.pass_over(other, f"{names[0]}/ is used")
        found.append(next(iter(documented or some), None))
    return found[0], found[1]


def _side_by_side(tree: FolderTree, folder: Path) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """The images and labels of one folder, where the name of a label says that it is one: Cellpose's NAME_masks."""
    files = {name: paths for name, paths in _by_name(tree.files[folder]).items() if not _RESULT_END.search(name)}
    labels = {name: paths for name, paths in files.items() if _LABEL_END.search(name)}
    return {name: paths for name, paths in files.items() if name not in labels}, labels


def _by_name(files: Iterable[Path]) -> dict[str, list[Path]]:
    """The files by their name without ending, because image and label may differ in format."""
    named: dict[str, list[Path]] = {}
    for file in files:
        suffix = next((suffix for suffix in SUFFIXES if file.name.lower().endswith(suffix)), None)
        if suffix is not None:
            named.setdefault(file.name[: -len(suffix)], []).append(file)
    return named


def _pair(images: Iterable[str], labels: Iterable[str]) -> dict[str, str]:
    """The name of the label of each image: the same, or the same without the ends that say what it is."""
    equal = {name: name for name in images if name in set(labels)}
    ends = {_LABEL_END.sub("", name): name for name in labels if name not in equal}
    rest = [name for name in images if name not in equal]
    plain = {name: ends[name] for name in rest if name in ends}
    shorter = {name: ends[short] for name in rest if (short := _IMAGE_END.sub("", name)) in ends and name not in plain}
    return equal | plain | shorter


def _refuse_channels(images: Iterable[str], labels: Iterable[str]) -> None:
    names, named = set(images), set(labels)
    for name in sorted(names - named):
        case, _, channel = name.rpartition("_")
        if channel == "0001" and case in named and f"{case}_0000" in names:
            raise DataError(
                f"The image {case} has a file for each of several channels ({case}_0000, {name}): keep the channel to "
                "learn from in the folder, or join the channels of each image into one file."
            )


FORMAT = DatasetFormat(
    description="images/ and labels/ with equal file names (PNG, TIFF, NIfTI, NRRD, MetaImage)",
    scan=scan_folder,
    describe=describe,
)
