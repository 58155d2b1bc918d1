"""From a label map to the named, coloured segments of a segmentation node, and what they measure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk

_KNOWN = json.loads((Path(__file__).parents[1] / "Resources" / "segments.json").read_text(encoding="utf-8"))
_CATEGORY = "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure"
_REGION = "Anatomic codes - DICOM master list~^^~^^"
_OTHER_COLORS = ((0.2, 0.6, 0.9), (0.9, 0.5, 0.2), (0.4, 0.75, 0.3), (0.75, 0.4, 0.75), (0.9, 0.8, 0.3))
_AXES = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}


@dataclass(frozen=True)
class Measure:
    """A row of the table.

    Args:
        name: of the structure.
        milliliters: its volume.
        slices: how many slices it is in, along the axis that was sliced along.
        objects: how many there are of it; None where they are not told apart.
    """

    name: str
    milliliters: float
    slices: int
    objects: int | None = None


def measure(
    labels: np.ndarray, volume: Any, names: Mapping[int, str], direction: str, objects: int | None = None
) -> list[Measure]:
    """
    What each structure of a label map measures.

    Args:
        labels: (k, j, i).
        volume: the volume node it belongs to.
        names: of the structures by label.
        direction: letter of the anatomical axis that was sliced along, such as S.
        objects: how many there are, of a bundle with one structure.
    """
    directions = vtk.vtkMatrix4x4()
    volume.GetIJKToRASDirectionMatrix(directions)
    along = [abs(directions.GetElement(_AXES[direction], axis)) for axis in range(3)]  # of i, j, k
    kept = 2 - int(np.argmax(along))  # that axis of (k, j, i)
    others = tuple(axis for axis in range(3) if axis != kept)
    milliliters = float(np.prod(volume.GetSpacing())) / 1000
    rows = []
    for label, name in names.items():
        inside = labels == label
        slices = int(np.count_nonzero(inside.any(axis=others)))
        rows.append(Measure(name, np.count_nonzero(inside) * milliliters, slices, objects))
    return rows


def show_segments(
    labels: np.ndarray, volume: Any, names: Mapping[int, str], node: Any = None, replace: bool = True, name: str = ""
) -> Any:
    """
    Put a label map into a segmentation node, a segment for each structure, and show it.

    When it fails the scene is as it was before.

    Args:
        labels: (k, j, i).
        volume: the volume node it belongs to.
        names: of the structures by label.
        node: the segmentation node; None makes one.
        replace: whether the segments that ``node`` has are removed.
        name: of a new node.

    Returns:
        The segmentation node.
    """
    made = node is None
    added: list[str] = []
    if made:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
    segmentation = node.GetSegmentation()
    before = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
    try:
        if made or replace:
            node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
            node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
        for index, (label, structure) in enumerate(names.items()):
            known = _KNOWN.get(structure, {"color": _OTHER_COLORS[index % len(_OTHER_COLORS)]})
            title = structure[:1].upper() + structure[1:]
            added.append(segmentation.AddEmptySegment("", title, known["color"]))
            if "type" in known:
                segment = segmentation.GetSegment(added[-1])
                entry = f"{_CATEGORY}~{known['type']}~{known['modifier']}~{_REGION}"
                segment.SetTag(segment.GetTerminologyEntryTagName(), entry)
            mask = (labels == label).astype(np.uint8)
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, added[-1], volume)
    except BaseException:
        if made:
            slicer.mrmlScene.RemoveNode(node)
        else:
            for segment_id in added:
                segmentation.RemoveSegment(segment_id)
        raise
    if replace:
        for segment_id in before:
            segmentation.RemoveSegment(segment_id)
    return node
