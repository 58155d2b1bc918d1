"""Finds the files of PROMISE12 (prostate, T2-weighted MR): ``CaseNN.mhd`` and ``CaseNN_segmentation.mhd``."""

from __future__ import annotations

from pathlib import Path

from monai_lwmisn.data.datasets.base import DatasetFormat, Scan
from monai_lwmisn.light.folders import FolderTree

SEGMENTATION = "_segmentation"


def scan_promise12(path: Path) -> Scan:
    """Find MetaImage volumes with their segmentations."""
    scan = Scan()
    tree = FolderTree(path)
    volumes = _volumes(tree)
    for stem, file in volumes.items():
        if stem.name.endswith(SEGMENTATION):
            image = stem.with_name(stem.name.removesuffix(SEGMENTATION))
            if image not in volumes:
                scan.problems.append(f"The segmentation {file} has no image: add {image}.mhd or remove it.")
        elif stem.with_name(stem.name + SEGMENTATION) not in volumes:
            scan.problems.append(f"The image {file} has no segmentation: add {stem}{SEGMENTATION}.mhd or remove it.")
        else:
            label = volumes[stem.with_name(stem.name + SEGMENTATION)]
            scan.items.append({"image": str(file), "label": str(label), "case": stem.name, "group": stem.name})
    tree.warn()
    return scan


def describe(tree: FolderTree) -> str:
    """Return the volumes with a segmentation that a folder has; an empty text where it has none."""
    found = [stem.name for stem in _volumes(tree) if stem.name.endswith(SEGMENTATION)]
    return f"{found[0]}.mhd" if found else ""


def _volumes(tree: FolderTree) -> dict[Path, Path]:
    return {file.with_suffix(""): file for file in sorted(tree) if file.suffix.lower() == ".mhd"}


FORMAT = DatasetFormat(
    description="PROMISE12: CaseNN.mhd and CaseNN_segmentation.mhd",
    scan=scan_promise12,
    describe=describe,
)
