"""Finds the files of the 2018 Data Science Bowl, stage 1: ``ID/images/ID.png`` and ``ID/masks/*.png``."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from monai_lwmisn.data.datasets.base import DatasetFormat, Item, Scan
from monai_lwmisn.data.duplicates import group_pictures
from monai_lwmisn.data.picture_content import describe_pictures
from monai_lwmisn.light.archives import member_names
from monai_lwmisn.light.folders import FolderTree, is_of_the_system
from monai_lwmisn.light.pictures import MASK_SUFFIXES

_FILE = re.compile(r"^(?P<folder>(?:.*/)?(?P<case>[^/]+))/(?P<kind>images|masks)/(?P<name>[^/]+)$")


def _list_names(path: Path) -> tuple[str, list[str]]:
    """Return the prefix that makes a name a path, and the names of all picture files under it."""
    if path.is_dir():
        tree = FolderTree(path)
        names = [file.relative_to(path).as_posix() for file in tree.select(tree, MASK_SUFFIXES, "PNG, TIFF or BMP")]
        prefix = f"{path}/"
        tree.warn()
    else:
        names = [name for name in member_names(path) if not is_of_the_system(name)]
        prefix = f"{path}!/"
    names = [name for name in names if name.lower().endswith(MASK_SUFFIXES)]
    # The test images of the competition have no masks. If both parts were downloaded, only the training part is used.
    training = [name for name in names if "stage1_train/" in name]
    return prefix, sorted(training or names)


def scan_dsb2018(path: Path) -> Scan:
    """Find images and their folders of masks. The stain becomes the stratum; near-duplicates become one group."""
    prefix, names = _list_names(path)
    images: dict[str, list[str]] = defaultdict(list)
    with_masks: set[str] = set()
    for name in names:
        match = _FILE.match(name)
        if match is None:
            continue
        if match["kind"] == "images":
            images[match["folder"]].append(prefix + name)
        else:
            with_masks.add(match["folder"])

    scan = Scan()
    for folder in sorted(images, key=lambda name: name.rsplit("/", 1)[-1]):
        if len(images[folder]) > 1:
            scan.problems.append(f"The folder {prefix}{folder}/images has more than one image: keep one image per ID.")
        elif folder not in with_masks:
            scan.problems.append(
                f"The image {images[folder][0]} has no masks: add {prefix}{folder}/masks or remove it."
            )
        else:
            case = folder.rsplit("/", 1)[-1]
            scan.items.append({"image": images[folder][0], "label": f"{prefix}{folder}/masks", "case": case})
    for folder in sorted(with_masks - set(images)):
        scan.problems.append(
            f"The masks {prefix}{folder}/masks have no image: add {prefix}{folder}/images or remove them."
        )

    _describe(scan)
    return scan


def _describe(scan: Scan) -> None:
    """Add the stratum and the group to every item, from the image itself; unreadable images become problems."""
    pictures, scan_problems = describe_pictures([item["image"] for item in scan.items])
    scan.problems.extend(scan_problems)
    readable: list[Item] = [item for item in scan.items if item["image"] in pictures]
    groups = group_pictures([pictures[item["image"]] for item in readable])
    for item, group in zip(readable, groups, strict=True):
        item["group"] = readable[group]["case"]
        item["stratum"] = pictures[item["image"]].stain
    scan.items = readable


def describe(tree: FolderTree) -> str:
    """Return the images with masks that a folder has, each in a folder of its own; an empty text where it has none."""
    found = [
        folder
        for folder, files in tree.files.items()
        # A folder of images and one of masks at the top are not those of one image.
        if folder.name == "masks"
        and folder.parent != tree.top
        and files
        and len(tree.files.get(folder.with_name("images"), [])) == 1
    ]
    return "ID/images and ID/masks" if found else ""


FORMAT = DatasetFormat(
    description="2018 Data Science Bowl: ID/images/ID.png and ID/masks/*.png, folder or zip",
    scan=scan_dsb2018,
    describe=describe,
)
