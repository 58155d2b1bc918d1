"""Writes objects as GeoJSON, which QuPath opens: a polygon along the border of each object. Needs scikit-image."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

LARGEST_SIDE = 8192
"""Pixels of the longer side of an object that gets a polygon."""

BLOCK, BEYOND = 1024, 256
"""Side in pixels of the blocks that objects begin in, and how far beyond them is read with them."""

COLOUR = (0, 194, 168)
"""Of the class in QuPath."""

__all__ = ["LARGEST_SIDE", "polygons_of", "write_geojson"]


def write_geojson(path: Path, numbers: Any, boxes: np.ndarray, class_name: str) -> int:
    """Write the objects of a picture as a FeatureCollection of detections.

    Coordinates are in pixels of the picture, x to the right and y down; (0, 0) is the outer corner of the first pixel.

    Args:
        path: the file.
        numbers: (height, width) the numbered objects, an array of numpy or zarr, of which small parts are read.
        boxes: see :class:`.objects.Objects`.
        class_name: what the objects are.

    Returns:
        How many objects are too large for a polygon, and are left out.
    """
    left_out = 0
    classification = {"name": class_name, "color": COLOUR}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        separator = "\n"
        for number, box, part in _parts(numbers, boxes):
            if part is None:
                left_out += 1
                continue
            rings = polygons_of(part == number, box[1], box[0])
            single = len(rings) == 1
            feature = {
                "type": "Feature",
                "geometry": {
                    "type": "Polygon" if single else "MultiPolygon",
                    "coordinates": rings[0] if single else rings,
                },
                "properties": {"objectType": "detection", "classification": classification, "object": number},
            }
            file.write(separator + json.dumps(feature, separators=(",", ":")))
            separator = ",\n"
        file.write("\n]}\n")
    return left_out


def polygons_of(mask: np.ndarray, left: int = 0, top: int = 0) -> list[list[list[list[float]]]]:
    """Return the polygons of a mask: of each its outer ring, and those of its holes. Corners of pixels are cut.

    Args:
        mask: (height, width), boolean.
        left: the column of its first pixel in the picture.
        top: the row.
    """
    from skimage.measure import find_contours

    outer: list[np.ndarray] = []
    holes: list[np.ndarray] = []
    for contour in find_contours(np.pad(mask, 1).astype(np.uint8), 0.5, fully_connected="high"):
        ring = _straightened(contour[:, ::-1] + (left - 0.5, top - 0.5))
        (outer if _area(ring) > 0 else holes).append(ring)
    polygons = [[ring.tolist()] for ring in outer]
    for hole in holes:
        around = next(place for place, ring in enumerate(outer) if _is_inside(hole[0], ring))
        polygons[around].append(hole.tolist())
    return polygons


def _parts(numbers: Any, boxes: np.ndarray) -> Iterable[tuple[int, np.ndarray, np.ndarray | None]]:
    """The number, the box and the part of the picture of each object, block by block; None for too large a part."""
    blocks = boxes[:2] // BLOCK
    corner, read = np.full(2, -1), np.zeros((0, 0), dtype=np.uint32)
    for place in np.lexsort(blocks[::-1]):
        box = boxes[:, place]
        if max(box[2:] - box[:2]) > LARGEST_SIDE:
            yield int(place) + 1, box, None
            continue
        if (blocks[:, place] * BLOCK != corner).any():
            corner = blocks[:, place] * BLOCK
            read = numbers[corner[0] : corner[0] + BLOCK + BEYOND, corner[1] : corner[1] + BLOCK + BEYOND]
        (top, left), (bottom, right) = box[:2] - corner, box[2:] - corner
        whole = (box[2:] - corner <= read.shape).all()
        part = read[top:bottom, left:right] if whole else numbers[box[0] : box[2], box[1] : box[3]]
        yield int(place) + 1, box, part


def _straightened(ring: np.ndarray) -> np.ndarray:
    """A closed ring without the points that lie on a straight line between others."""
    steps = np.diff(ring, axis=0)
    before = np.roll(steps, 1, axis=0)
    keep = np.append((steps != before).any(axis=1), False)
    points = ring[keep]
    return np.concatenate([points, points[:1]])


def _area(ring: np.ndarray) -> float:
    """Twice the area of a ring (point, x and y); above 0 for the outer ones of find_contours."""
    x, y = ring.T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def _is_inside(point: np.ndarray, ring: np.ndarray) -> bool:
    from skimage.measure import points_in_poly

    return bool(points_in_poly(point[None], ring)[0])
