"""Places the slices of a DICOM series on one regular grid, or says why there is none. Needs numpy alone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .errors import DataError

TOLERANCE = 0.1
"""Share of a voxel by which a corner of a slice may be off the grid."""

NOISE = 0.05
"""Share of a voxel below which a shift of the slices against each other is rounding of the positions."""

SAME_PLACE_MM = 1e-3
"""Slices closer than this lie at one place."""

OF_ONE_VOLUME = (
    "Echo Time",
    "Effective Echo Time",
    "Diffusion BValue",
    "Temporal Position Identifier",
    "Temporal Position Index",
)
"""Facts that are the same for all slices of a volume."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM's axes, and those of ITK, point left and posterior."""

__all__ = ["LPS_TO_RAS", "Grid", "Plane", "place_planes"]


@dataclass(frozen=True)
class Plane:
    """What the tags of a slice say about its place. What a tag does not say is None.

    Args:
        file: path of its file.
        frame: its number in a multi-frame file, from 0.
        shape: rows and columns.
        position: (3,) centre of the first voxel in mm towards left, posterior and superior.
        orientation: (2, 3) direction along a row, and direction along a column.
        spacing: (2,) distance of rows, and distance of columns, in mm.
        spacing_source: the tag that gave it.
        thickness: in mm.
        distance: Spacing Between Slices in mm, which may be negative.
        location: Slice Location in mm.
        number: Instance Number, or the number of the frame.
        frame_of_reference: UID of the coordinate system.
        is_localizer: its Image Type says so.
        scale: Rescale Slope and Rescale Intercept.
        facts: what tells volumes apart that lie at one place, by name, such as Echo Time.
        header: pydicom's dataset of the file, without pixels.
    """

    file: str
    frame: int | None
    shape: tuple[int, int]
    position: np.ndarray | None = None
    orientation: np.ndarray | None = None
    spacing: np.ndarray | None = None
    spacing_source: str = "Pixel Spacing"
    thickness: float | None = None
    distance: float | None = None
    location: float | None = None
    number: float | None = None
    frame_of_reference: str = ""
    is_localizer: bool = False
    scale: tuple[float, float] = (1.0, 0.0)
    facts: Mapping[str, str] = field(default_factory=dict)
    header: Any = None

    def __str__(self) -> str:
        return self.file if self.frame is None else f"{self.file}, frame {self.frame + 1},"


@dataclass(frozen=True)
class Grid:
    """The volume of a series.

    Args:
        planes: the slices in the order of their positions along the normal of the slices.
        affine: (4, 4) from column, row and slice to millimetres towards right, anterior and superior.
        remarks: what was assumed, or is unusual, one sentence each.
        lacking: the tags of its place that no slice has, so that it was assumed.
    """

    planes: list[Plane]
    affine: np.ndarray
    remarks: list[str]
    lacking: tuple[str, ...] = ()


def place_planes(planes: Sequence[Plane], name: str | os.PathLike[str]) -> Grid:
    """Find the regular grid on which the corners of all slices lie, within a tenth of a voxel.

    Args:
        planes: the slices of one series, in any order.
        name: of the series, for messages.

    Raises:
        DataError: slices differ in size, orientation, spacing or coordinate system, lie at one place or at uneven
            distances, are partly localizers, or lack tags that others have.
    """
    _check_alike(planes)
    remarks: list[str] = []
    tags = {
        "Image Position": all(plane.position is not None for plane in planes),
        "Image Orientation": all(plane.orientation is not None for plane in planes),
        "Pixel Spacing": all(plane.spacing_source == "Pixel Spacing" for plane in planes),
    }
    known = _with_spacing(planes, name, remarks)
    known = _with_positions(known, name, remarks)
    orientations = np.array([plane.orientation for plane in known])
    kinds = [tuple(orientation.round(2).ravel()) for orientation in orientations]
    usual = kinds.index(Counter(kinds).most_common(1)[0][0])
    reference, lengths = known[usual], np.linalg.norm(orientations[usual], axis=1)
    rows, columns = _steps(reference)
    if (np.abs(lengths - 1) * (np.array(reference.shape[::-1]) - 1)).max() > TOLERANCE:
        remarks.append(
            f"{name} has an Image Orientation with directions of the lengths {lengths[0]:.4g} and {lengths[1]:.4g}: "
            "the length 1 is assumed."
        )
    for plane in known:
        _check_plane(plane, reference)
    normal = np.cross(columns, rows)
    normal /= np.linalg.norm(normal)
    heights = np.array([plane.position for plane in known]) @ normal
    order = np.argsort(heights, kind="stable")
    known, heights = [known[index] for index in order], heights[order]
    _check_places(known, heights)
    _check_contents(known, name, remarks)
    positions = np.array([plane.position for plane in known])
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1] = columns, rows
    if len(known) == 1:
        matrix[:3, 2], matrix[:3, 3] = normal * _thickness(known[0], remarks), positions[0]
    else:
        # The line through all positions: each may be rounded.
        index = np.arange(len(known)) - (len(known) - 1) / 2
        step = index @ positions / (index @ index)
        across = normal * (step @ normal)
        shift = np.linalg.solve(matrix[:3, :2].T @ matrix[:3, :2], matrix[:3, :2].T @ (step - across))
        if np.abs(shift).max() * (len(known) - 1) > NOISE:
            tilt = np.degrees(np.arctan2(np.linalg.norm(step - across), step @ normal))
            remarks.append(
                f"The slices of {name} are shifted against each other, as by a gantry tilt of {tilt:.3g} degrees: the "
                "mask has the same sheared grid, which some programs do not show rightly."
            )
        else:
            step = across
        matrix[:3, 2], matrix[:3, 3] = step, positions.mean(axis=0) + step * index[0]
        _check_grid(known, heights, positions, matrix)
    return Grid(known, LPS_TO_RAS @ matrix, remarks, tuple(tag for tag, is_known in tags.items() if not is_known))


def _steps(plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """The ways from one row to the next, and from one column to the next, in mm."""
    assert plane.orientation is not None and plane.spacing is not None
    directions = plane.orientation / np.linalg.norm(plane.orientation, axis=1, keepdims=True)
    return directions[1] * plane.spacing[0], directions[0] * plane.spacing[1]


def _check_alike(planes: Sequence[Plane]) -> None:
    """Refuse slices of different size, coordinate system or purpose."""
    remedy = "keep the files of one volume in the folder"
    usual = Counter(plane.shape for plane in planes).most_common(1)[0][0]
    like = next(plane for plane in planes if plane.shape == usual)
    for plane in planes:
        if plane.shape != usual:
            sizes = ["x".join(map(str, reversed(one.shape))) for one in (plane, like)]
            raise DataError(f"The DICOM slice {plane} has {sizes[0]} pixels, but {like} has {sizes[1]}: {remedy}.")
        if plane.frame_of_reference and like.frame_of_reference not in ("", plane.frame_of_reference):
            raise DataError(
                f"The DICOM slices {plane} and {like} have different Frames of Reference, so their places cannot be "
                f"compared: {remedy}."
            )
        if plane.is_localizer and not all(other.is_localizer for other in planes):
            raise DataError(f"The DICOM slice {plane} is a localizer among the slices of a volume: move it away.")


def _with_spacing(planes: Sequence[Plane], name: str | os.PathLike[str], remarks: list[str]) -> list[Plane]:
    lacking = [plane for plane in planes if plane.spacing is None]
    if not lacking:
        if planes[0].spacing_source != "Pixel Spacing":
            remarks.append(
                f"{name} has no Pixel Spacing: {planes[0].spacing_source} is taken, which is not measured in the "
                "patient, so lengths and volumes may be wrong."
            )
        return list(planes)
    if len(lacking) < len(planes):
        raise DataError(f"The DICOM slice {lacking[0]} has no Pixel Spacing, but others have: add it or remove it.")
    remarks.append(f"{name} has no Pixel Spacing: 1 mm is assumed, so lengths and volumes may be wrong.")
    return [replace(plane, spacing=np.ones(2)) for plane in planes]


def _with_positions(planes: list[Plane], name: str | os.PathLike[str], remarks: list[str]) -> list[Plane]:
    """The slices with a position and an orientation, which are assumed where no slice has them."""
    for keyword, words in (("position", "Image Position"), ("orientation", "Image Orientation")):
        lacking = [plane for plane in planes if getattr(plane, keyword) is None]
        if lacking and len(lacking) < len(planes):
            raise DataError(f"The DICOM slice {lacking[0]} has no {words}, but others have: add it or remove it.")
    if planes[0].orientation is None:
        remarks.append(f"{name} has no Image Orientation: axial slices are assumed, with the patient's right first.")
        planes = [replace(plane, orientation=np.eye(3)[:2]) for plane in planes]
    if planes[0].position is not None:
        return planes
    assert planes[0].orientation is not None
    normal = np.cross(*planes[0].orientation)
    if len(planes) > 1 and len({plane.location for plane in planes} - {None}) == len(planes):
        remarks.append(f"{name} has no Image Position: the places of the slices are taken from Slice Location.")
        return [replace(plane, position=normal * float(plane.location or 0)) for plane in planes]
    if len(planes) > 1 and len({plane.number for plane in planes} - {None}) < len(planes):
        raise DataError(
            f"The DICOM slices of {name} have neither positions nor Instance Numbers that differ: their order is not "
            "known, convert them with a program that knows it."
        )
    planes = sorted(planes, key=lambda plane: float(plane.number or 0))
    distances = [
        (abs(planes[0].distance or 0), "Spacing Between Slices"),
        (planes[0].thickness or 0, "the Slice Thickness"),
        (1.0, "1 mm, as nothing is said,"),
    ]
    distance, source = next((value, words) for value, words in distances if value > 0)
    said = f" ({distance:g} mm)" if source[0] != "1" else ""
    ordered = "" if len(planes) == 1 else " the slices are taken in the order of their numbers, and"
    remarks.append(f"{name} has no Image Position:{ordered} {source}{said} is taken for the distance of the slices.")
    return [
        replace(plane, position=normal * distance * index, thickness=distance) for index, plane in enumerate(planes)
    ]


def _thickness(plane: Plane, remarks: list[str]) -> float:
    if plane.thickness or plane.distance:
        return plane.thickness or abs(plane.distance or 0)
    remarks.append(f"{plane.file} is a single slice without Slice Thickness: 1 mm is assumed.")
    return 1.0


def _check_plane(plane: Plane, reference: Plane) -> None:
    """Refuse a slice whose corners, seen from its first voxel, are not those of the reference."""
    assert plane.spacing is not None and reference.spacing is not None
    rows, columns = plane.shape[0] - 1, plane.shape[1] - 1
    ways = np.array(_steps(plane)) - np.array(_steps(reference))
    corners = np.array([[rows, 0], [0, columns], [rows, columns]]) @ ways
    voxels = np.abs(corners) / min(reference.spacing)
    if voxels.max() <= TOLERANCE:
        return
    if np.abs(plane.spacing / reference.spacing - 1).max() > 1e-4:
        found = ["x".join(f"{length:g}" for length in one.spacing) for one in (plane, reference)]  # type: ignore
        raise DataError(
            f"The DICOM slice {plane} has the Pixel Spacing {found[0]} mm, but {reference} has {found[1]} mm: keep the "
            "files of one volume in the folder."
        )
    assert plane.orientation is not None and reference.orientation is not None
    normals = [np.cross(*one.orientation) for one in (plane, reference)]  # type: ignore[misc]
    angle = np.degrees(np.arccos(np.clip(normals[0] @ normals[1], -1, 1)))
    turned = f"by {angle:.3g} degrees" if angle > 0 else "in its plane"
    raise DataError(
        f"The orientations of the DICOM slices differ: {plane} is turned {turned} against {reference}, as a localizer "
        "is: keep the files of one volume in the folder."
    )


def _check_places(planes: Sequence[Plane], heights: np.ndarray) -> None:
    """Refuse slices at one place."""
    twice = np.flatnonzero(np.diff(heights) < SAME_PLACE_MM)
    if len(twice) == 0:
        return
    first, second = planes[twice[0]], planes[twice[0] + 1]
    differing = [
        f"{name} {first.facts[name]} and {second.facts[name]}"
        for name in first.facts
        if name in second.facts and first.facts[name] != second.facts[name]
    ]
    what = (
        f"several volumes, which differ in {', '.join(differing)}" if differing else "several volumes, or slices twice"
    )
    places = "1 such pair" if len(twice) == 1 else f"{len(twice)} such pairs"
    raise DataError(
        f"The DICOM slices {first} and {second} lie at one place ({places}): the series holds {what}; keep the files "
        "of one volume, or convert it to NIfTI."
    )


def _check_contents(planes: Sequence[Plane], name: str | os.PathLike[str], remarks: list[str]) -> None:
    """Refuse slices of several volumes that lie between each other, and warn of acquisitions that do."""
    for fact in OF_ONE_VOLUME:
        for plane in planes:
            first, second = (one.facts.get(fact) for one in (planes[0], plane))
            if first is not None and second not in (None, first):
                raise DataError(
                    f"The DICOM slices {planes[0]} and {plane} differ in {fact} ({first} and {second}), so they belong "
                    "to different volumes: keep the files of one volume in the folder."
                )
    numbers = [plane.facts.get("Acquisition Number") for plane in planes]
    changes = sum(number != following for number, following in zip(numbers, numbers[1:], strict=False))
    if len(set(numbers)) - 1 < changes:
        remarks.append(
            f"The slices of {name} come from {len(set(numbers))} acquisitions in turn: if these are different volumes, "
            "such as phases of contrast, keep the files of one in the folder."
        )


def _check_grid(planes: Sequence[Plane], heights: np.ndarray, positions: np.ndarray, matrix: np.ndarray) -> None:
    """Refuse slices that are not at one distance from each other, or not on one line."""
    index = np.arange(len(planes))
    off = positions - (matrix[:3, 3] + index[:, None] * matrix[:3, 2])
    if np.abs(np.linalg.solve(matrix[:3, :3], off.T)).max() <= TOLERANCE:
        return
    steps = np.diff(heights)
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    worst = int(np.abs(steps - usual).argmax())
    first, second = planes[worst], planes[worst + 1]
    if abs(steps[worst] - usual) > TOLERANCE / 4 * usual:
        raise DataError(
            f"The DICOM slices {first} and {second} are {steps[worst]:.4g} mm apart, others {usual:.4g} mm: complete "
            "the series, or remove what does not belong to the volume."
        )
    ways = np.diff(positions, axis=0)
    worst = int(np.linalg.norm(ways - np.median(ways, axis=0), axis=1).argmax())
    raise DataError(
        f"The DICOM slices {planes[worst]} and {planes[worst + 1]} are shifted against each other in another way than "
        "the others, so that no regular grid holds them: keep the files of one volume in the folder."
    )
