"""Gives the values of labels the meaning that their names say. Needs SimpleITK.

A client writes labels with values of its own: 3D Slicer's plug-in numbers the segments of its scene, which has those of
all bundles of the server. It sends the name of each value with the label, as ``label_info``.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk


def with_classes_of(
    items: Sequence[Mapping[str, str]], described: Mapping[str, Any], classes: Mapping[str, int], folder: Path
) -> list[dict[str, str]]:
    """Return the images that show a bundle's structures, with labels whose values are its classes.

    Structures of others become background. Labels that come without names are taken as they are.

    Args:
        items: ``image`` and ``label``, two files, of each labelled image.
        described: the ``label_info`` of labels by the name of their file: ``name`` and ``idx``, the value.
        classes: of the bundle, by their names in small letters.
        folder: for the labels whose values change; what is in it is removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    found = []
    for item in items:
        label = Path(item["label"])
        names = [one for one in described.get(label.name) or [] if {"name", "idx"} <= set(one)]
        if names:
            image = sitk.ReadImage(str(label))
            values = set(np.unique(sitk.GetArrayViewFromImage(image)).tolist())
            wanted = {int(one["idx"]): classes.get(str(one["name"]).lower(), 0) for one in names}
            if not any(wanted.get(value) for value in values):
                continue
            changes = {value: other for value, other in wanted.items() if value != other and value in values}
            if changes:
                folder.mkdir(exist_ok=True)
                label = folder / label.name
                sitk.WriteImage(sitk.ChangeLabel(image, changeMap=changes), str(label))
        found.append({"image": item["image"], "label": str(label)})
    return found
