"""Draws where a prediction is wrong: what is missed, what is false, and a closer look at the worst place."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor, ImageDraw
from scipy import ndimage

from monai_lwmisn.light.overlays import darken_beside

__all__ = ["ERROR_COLORS", "draw_errors"]

ERROR_COLORS = {"right": "#00c2a8", "missed": "#648fff", "false": "#ffb000", "another class": "#dc267f"}
"""Colours, which colour-blind people can distinguish too. What is right has only its outline."""

PANEL = 320
"""Pixels of the longer side of each of the three pictures."""

THIN = np.ones((5, 5), bool)
"""Structures that this does not fit into are thin."""


def draw_errors(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Draw, from left to right: the image, the image with the errors in colours, and the place with most errors nearer.

    The place is one where thin structures are wrong, if there is one. A frame shows it in the picture of the errors.

    Args:
        image: grey (height, width) or RGB (height, width, 3), values 0 to 255, uint8.
        truth, prediction: class of each pixel (height, width).

    Returns:
        (height, width, 3), uint8.
    """
    plain = np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image
    top, left, side = _worst_place(truth, prediction)
    near = (slice(top, top + side), slice(left, left + side))
    times = PANEL / max(truth.shape)
    errors = Image.fromarray(_scaled(_colored(plain, truth, prediction), times))
    corners = [round(corner * times) for corner in (left, top, left + near[1].stop - left, near[0].stop)]
    right, bottom = (min(corner, length - 1) for corner, length in zip(corners[2:], errors.size, strict=True))
    ImageDraw.Draw(errors).rectangle((corners[0], corners[1], right, bottom), outline="white")
    height, width = truth[near].shape
    panels = [
        _scaled(plain, times),
        np.asarray(errors),
        _scaled(_colored(plain[near], truth[near], prediction[near]), errors.size[1] / max(height, width)),
    ]
    drawing = Image.new("RGB", (sum(panel.shape[1] for panel in panels) + 2 * 6, errors.size[1]), "white")
    place = 0
    for panel in panels:
        drawing.paste(Image.fromarray(panel), (place, 0))
        place += panel.shape[1] + 6
    return np.asarray(drawing)


def _worst_place(truth: np.ndarray, prediction: np.ndarray) -> tuple[int, int, int]:
    """Top, left and side of the square to look at: most errors, those of thin structures counted three times."""
    foreground = truth > 0
    thin = foreground & ~ndimage.binary_opening(foreground, THIN)
    weight = (truth != prediction) * (1.0 + 2.0 * ndimage.binary_dilation(thin))
    if not weight.any():
        weight = (thin if thin.any() else foreground).astype(float)
    side = min(max(24, max(truth.shape) // 4), *truth.shape)
    total = ndimage.uniform_filter(weight, side, mode="constant")
    row, column = np.unravel_index(total.argmax(), total.shape)
    top, left = (
        int(np.clip(middle - side // 2, 0, length - side))
        for middle, length in zip((row, column), truth.shape, strict=True)
    )
    return top, left, side


def _colored(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    where = {
        "missed": (truth > 0) & (prediction == 0),
        "false": (truth == 0) & (prediction > 0),
        "another class": (truth > 0) & (prediction > 0) & (truth != prediction),
    }
    right = (truth > 0) & (truth == prediction)
    outline = right & ~ndimage.binary_erosion(right)
    darkened = image.copy()
    darken_beside(outline, darkened)
    picture = darkened.astype(float)
    for name, wrong in where.items():
        picture[wrong] = (1 - opacity) * picture[wrong] + opacity * np.array(ImageColor.getrgb(ERROR_COLORS[name]))
    picture[outline] = ImageColor.getrgb(ERROR_COLORS["right"])
    return np.rint(picture).astype(np.uint8)


def _scaled(picture: np.ndarray, times: float) -> np.ndarray:
    size = tuple(max(1, round(length * times)) for length in (picture.shape[1], picture.shape[0]))
    how = Image.Resampling.NEAREST if times > 1 else Image.Resampling.BOX
    return np.asarray(Image.fromarray(picture).resize(size, how))
