"""Tells images from labels by the names of their files and folders, and says which label is of which image."""

from __future__ import annotations

import re
from collections.abc import Iterable

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages")
"""Names of the folder of the images, in lower case; the first is the documented one."""

LABEL_FOLDERS = (
    *("labels", "label", "masks", "mask", "annotations", "annotation", "segmentations", "segmentation"),
    *("groundtruth", "ground_truth", "gt", "segmentationclass"),
)

FIRST_GRADER = re.compile(r"(1st[-_ ]?)?manual([-_ ]?1)?$")
_OTHER_GRADERS = re.compile(r"\d(nd|rd|th)[-_ ]?manual|manual[-_ ]?[2-9]$")
"""Names of the folders of labels that one of several graders drew, in lower case."""

PART_FOLDERS = {
    **dict.fromkeys(("train", "training", "trainset", "train_set"), "training"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "val_set"), "validation"),
    **dict.fromkeys(("test", "testing", "testset", "test_set"), "test"),
}
"""The part of a split by the name of its folder, in lower case."""

_PARTS = {**PART_FOLDERS, "tr": "training", "ts": "test"}

_IMAGE = "images?|img|im|orig(?:inal)?|volumes?|vol|scan|0000|train(?:ing)?|test"
_LABEL = (
    "cp[-_]masks?|masks?|labels?|label[-_]?maps?|annotations?|segmentations?|d?seg|gt|ground[-_]?truth|roi"
    "|(?:1st[-_]?)?manual1?|1stHO"
)
IMAGE_END = re.compile(rf"[-_. ]({_IMAGE})$", re.IGNORECASE)
LABEL_END = re.compile(rf"[-_. ]({_LABEL})$", re.IGNORECASE)
_IMAGE_START = re.compile(r"^(images?|img|im|volumes?|vol|scan)[-_. ]?(?=\d)", re.IGNORECASE)
_LABEL_START = re.compile(rf"^({_LABEL})[-_. ]?(?=\d)", re.IGNORECASE)
"""What the name of a file says that it is, behind or before the name or number of the case."""

RESULT_END = re.compile(r"[-_](flows?|outlines?|cp_output|prob|probabilities|2ndHO|(2nd[-_]?)?manual2)$", re.IGNORECASE)
"""The end of the name of a picture that Cellpose and others write beside images and masks, or a second grader drew."""


def kind_of_folder(name: str) -> tuple[str, str | None] | None:
    """Return ``images`` or ``labels``, and the part of a split that a name tells, as ``train_images`` does; or None."""
    lower = name.lower()
    if FIRST_GRADER.match(lower) or _OTHER_GRADERS.match(lower):
        return "labels", None
    for kind, names in (("images", IMAGE_FOLDERS), ("labels", LABEL_FOLDERS)):
        if lower in names:
            return kind, None
        for own in names:
            rest = lower.removeprefix(own) if lower.startswith(own) else lower.removesuffix(own)
            if rest != lower and (part := _PARTS.get(rest.strip("-_. "))):
                return kind, part
    return None


def says_label(name: str) -> bool:
    """Return whether the name of a file, without its ending, says that it is a label."""
    return bool(LABEL_END.search(name) or _LABEL_START.search(name))


def pair_names(images: Iterable[str], labels: Iterable[str]) -> dict[str, str]:
    """Return the name of the label of each image: the same, or the same without what says which of both it is."""
    equal = {name: name for name in images if name in set(labels)}
    rest = [name for name in images if name not in equal]
    others = [name for name in labels if name not in equal]
    found = dict(equal)
    for of_image, of_label in ((None, LABEL_END), (IMAGE_END, LABEL_END), (_IMAGE_START, _LABEL_START)):
        shorter = {of_label.sub("", name): name for name in others}
        for name in rest:
            short = name if of_image is None else of_image.sub("", name)
            if name not in found and short in shorter and shorter[short] not in found.values():
                found[name] = shorter[short]
    return found
