"""Finds a user's own data: ``images/`` and ``labels/`` with equal file names (PNG, TIFF, NIfTI, NRRD, MetaImage)."""

from __future__ import annotations

from pathlib import Path

from monai_lwmisn.data.datasets.base import DatasetFormat, Scan
from monai_lwmisn.inference.pictures import PICTURE_SUFFIXES
from monai_lwmisn.inference.volumes import VOLUME_SUFFIXES

SUFFIXES = (*PICTURE_SUFFIXES, *VOLUME_SUFFIXES)


def _by_name(folder: Path) -> dict[str, list[Path]]:
    """Return the files of a folder by their name without suffix, because image and label may differ in format."""
    files: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("*")):
        suffix = next(
            (suffix for suffix in sorted(SUFFIXES, key=len)[::-1] if file.name.lower().endswith(suffix)), None
        )
        if suffix is not None:
            files.setdefault(file.name[: -len(suffix)], []).append(file)
    return files


def scan_folder(path: Path) -> Scan:
    """Pair the files of ``images`` and ``labels`` by name."""
    scan = Scan()
    images, labels = _by_name(path / "images"), _by_name(path / "labels")
    for kind, files in (("images", images), ("labels", labels)):
        for first, *others in files.values():
            if others:
                scan.problems.append(
                    f"The {kind} {first} and {others[0].name} have one name: rename or remove one of them, so that "
                    "each image has its own label."
                )
    for name, (image, *others) in images.items():
        if others or len(labels.get(name, [])) > 1:
            continue
        if name not in labels:
            scan.problems.append(f"The image {image} has no label: add {path / 'labels' / image.name} or remove it.")
        else:
            scan.items.append({"image": str(image), "label": str(labels[name][0]), "case": name, "group": name})
    for name in sorted(set(labels) - set(images)):
        label = labels[name][0]
        scan.problems.append(f"The label {label} has no image: add {path / 'images' / label.name} or remove it.")
    return scan


FORMAT = DatasetFormat(
    description="images/ and labels/ with equal file names (PNG, TIFF, NIfTI, NRRD, MetaImage)",
    scan=scan_folder,
)
