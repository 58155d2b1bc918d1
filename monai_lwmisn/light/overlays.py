"""Draws the contours of a mask on its image. Needs numpy, nibabel, Pillow and skimage, neither torch nor MONAI."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from .colours import class_colour
from .masks import Prediction

LARGEST, SMALLEST = 4096, 512
"""Pixels of the longer side of an overlay: a larger picture is thinned out, a smaller one enlarged."""

SLICES, ROW = 6, 3
"""Slices of a volume that are drawn, and those in one row."""

__all__ = ["darken_beside", "displayable", "draw_overlay"]


def draw_overlay(values: np.ndarray, prediction: Prediction, orientation: str = "RAS") -> np.ndarray:
    """Draw the contours of the classes, or of the objects where they are told apart.

    A volume is drawn as a montage: for each class the slice where it is largest, and the slices where all classes
    together are. Each says where it is, as in ``S 23.4 mm``.

    Args:
        values: of the image on the grid of the mask: (height, width, 1 or 3) of a picture, (x, y, z[, channel]).
        prediction: what was found.
        orientation: of a volume, as three letters, whose last axis is sliced along.

    Returns:
        (height, width, 3), uint8.
    """
    labels = prediction.labels
    if labels.ndim == 3:
        return _montage(values.reshape(*labels.shape, -1)[..., 0], prediction, orientation)
    thinned = slice(None, None, -(-max(labels.shape) // LARGEST))
    labels, values = labels[thinned, thinned], values[thinned, thinned]
    numbers = labels if prediction.instances is None else prediction.instances[thinned, thinned]
    image = displayable(np.broadcast_to(values, (*labels.shape, 3)).transpose(2, 0, 1))
    times = -(-SMALLEST // max(labels.shape))
    return _with_contours(*(part.repeat(times, axis=0).repeat(times, axis=1) for part in (image, labels, numbers)))


def displayable(picture: np.ndarray) -> np.ndarray:
    """Bring a picture of any range to values from 0 to 255, uint8.

    Args:
        picture: (3, ...) colours, otherwise the first channel is taken as grey.

    Returns:
        (..., 3) or (...).
    """
    width, height = picture.shape[1:3]
    if len(picture) == 3:
        low, high = 0.0, max(float(picture.max()), 1.0)
        channels_last = np.moveaxis(picture, 0, -1)
    else:
        # The range is taken from the middle, because a CT has only air around the body.
        middle = picture[0, width // 4 : width - width // 4, height // 4 : height - height // 4]
        low, high = (float(bound) for bound in np.percentile(middle, (1, 99)))
        channels_last = picture[0]
    return np.rint(np.clip((channels_last - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)


def darken_beside(lines: np.ndarray, picture: np.ndarray) -> None:
    """Halve the brightness of a picture (height, width, 3) beside lines (height, width), so that they stand out."""
    from scipy import ndimage

    picture[ndimage.binary_dilation(lines) & ~lines] //= 2


def _montage(values: np.ndarray, prediction: Prediction, orientation: str) -> np.ndarray:
    from nibabel import orientations

    affine = np.asarray(prediction.affine, dtype=float)
    turn = orientations.ornt_transform(orientations.io_orientation(affine), orientations.axcodes2ornt(orientation))
    labels = orientations.apply_orientation(prediction.labels, turn)
    grid = affine @ orientations.inv_ornt_aff(turn, prediction.labels.shape)
    chosen = _largest_slices(labels)
    images = displayable(orientations.apply_orientation(values, turn)[..., chosen][None])
    edges = np.linalg.norm(grid[:3, :2], axis=0) * labels.shape[:2]
    width, height = (max(1, round(SMALLEST * edge / edges.max())) for edge in edges)
    montage = Image.new("RGB", (min(ROW, len(chosen)) * width, -(-len(chosen) // ROW) * height))
    axis = next(axis for axis, ends in enumerate(("LR", "PA", "IS")) if orientation[2] in ends)
    for place, number in enumerate(chosen):
        image, classes = (
            # Seen from the feet, anterior up; or from the front, head up.
            Image.fromarray(part.T[::-1, ::-1]).resize((width, height), how)
            for part, how in (
                (images[..., place], Image.Resampling.BILINEAR),
                (labels[..., number], Image.Resampling.NEAREST),
            )
        )
        tile = Image.fromarray(_with_contours(np.asarray(image), np.asarray(classes), np.asarray(classes)))
        position = (grid @ [(labels.shape[0] - 1) / 2, (labels.shape[1] - 1) / 2, number, 1])[axis]
        ImageDraw.Draw(tile).text((4, 4), f"{'RAS'[axis]} {position:.1f} mm", fill="white")
        montage.paste(tile, (place % ROW * width, place // ROW * height))
    return np.asarray(montage)


def _largest_slices(labels: np.ndarray) -> list[int]:
    """The slices along the last axis to draw, in order; evenly spaced ones where there is no foreground."""
    count = min(SLICES, labels.shape[-1])
    total = (labels > 0).sum(axis=(0, 1))
    if not total.any():
        return [int(number) for number in np.linspace(0, labels.shape[-1] - 1, count)]
    of_classes = [(labels == value).sum(axis=(0, 1)).argmax() for value in np.unique(labels[labels > 0])]
    ranked = dict.fromkeys(int(number) for number in (*of_classes, *np.argsort(-total, kind="stable")))
    return sorted(number for number in list(ranked)[:count] if total[number] > 0)


def _with_contours(image: np.ndarray, labels: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """An image (height, width[, 3]) in colours, with the borders of the numbered objects in those of their classes."""
    from skimage.segmentation import find_boundaries

    picture = np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image.copy()
    borders = find_boundaries(numbers, mode="inner")
    darken_beside(borders, picture)
    for value in np.unique(labels[borders]):
        picture[borders & (labels == value)] = ImageColor.getrgb(class_colour(int(value)))
    return picture
