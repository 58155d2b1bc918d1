"""Segments the values of an image layer, and gives layers of labels. Needs neither napari nor Qt."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monai_lwmisn.errors import DataError, explain

DIRECTIONS = {
    "head, back, left (as in DICOM)": "SPL",
    "head, front, right (as in most NIfTI files)": "SAR",
    "head, front, left": "SAL",
}
"""Where the axes z, y and x of a volume lead to, by the words of the widget. napari does not know it."""


@dataclass(frozen=True)
class LayerImage:
    """The image of a layer.

    Attributes:
        name: of the layer, for messages.
        values: (height, width) or (z, y, x); colours of a picture are last.
        rgb: whether there are colours.
        spacing: in mm along each axis but that of the colours.
        directions: of a volume, see :data:`DIRECTIONS`.
    """

    name: str
    values: Any
    rgb: bool
    spacing: Sequence[float]
    directions: str


@dataclass(frozen=True)
class LayerLabels:
    """What was found in the image of a layer, on its grid.

    Attributes:
        name: of the bundle.
        classes: the values of the classes, uint8.
        names: of the classes by value; 0 is background.
        objects: the numbered objects, int32, where the bundle tells objects apart.
        remarks: what the owner of the image should know, as sentences.
    """

    name: str
    classes: np.ndarray
    names: dict[int, str]
    objects: np.ndarray | None
    remarks: tuple[str, ...]


def segment_layer(
    bundle: str | os.PathLike[str], image: LayerImage, progress: Callable[[int, int], None] | None = None
) -> LayerLabels:
    """Segment the image of a layer.

    Args:
        bundle: see :func:`monai_lwmisn.inference.predict.load_bundle`.
        image: of the layer.
        progress: see :func:`monai_lwmisn.inference.predict.load_bundle`.

    Raises:
        LWMISNError: the bundle or the image cannot be used.
    """
    # It imports torch, which takes seconds: the widget opens without it.
    from monai_lwmisn.inference.predict import load_bundle

    with load_bundle(bundle, progress=progress) as predictor:
        axes = len(image.values.shape) - image.rgb
        needed = 3 if predictor.volumetric else 2
        if axes != needed or (image.rgb and predictor.volumetric):
            kind = "volumes: choose a layer with three axes and no colours" if needed == 3 else "pictures: choose one"
            colours = " and colours" if image.rgb else ""
            raise DataError(
                f"The layer {image.name} has {axes} axes{colours}, and the bundle {predictor.name} segments {kind}."
            )
        try:
            values = np.asarray(image.values)  # a layer may be on disk
        except Exception as error:
            raise DataError(explain(error, f"The layer {image.name}")) from error
        if predictor.volumetric:
            found = predictor(values.transpose(2, 1, 0), _affine(image), image.name)
            classes = found.labels.transpose(2, 1, 0)
        else:
            found = predictor(values, name=image.name)
            classes = found.labels
        names = {0: "background", **{int(value): name for value, name in predictor.label_names.items()}}
        return LayerLabels(predictor.name, classes, names, found.instances, found.warnings)


def _affine(image: LayerImage) -> np.ndarray:
    """From x, y, z of a volume to millimetres towards right, front and head."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (letter, spacing) in enumerate(zip(reversed(image.directions), reversed(image.spacing), strict=True)):
        row, letters = next((row, letters) for row, letters in enumerate(("RL", "AP", "SI")) if letter in letters)
        affine[row, axis] = spacing if letter == letters[0] else -spacing
    return affine
