"""Chooses what the values and colours of labels mean: the classes, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import ImageColor

from monai_lwmisn.data.derived_settings import LabelValues
from monai_lwmisn.data.label_checks import WHITE
from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.labels import grey_colour

MOST_COLOURS = 8
"""Colours or grey levels of labels that are taken for classes."""

DARKEST, APART = 40, 16
"""Grey values of a picture that are meant to be seen, as 128 and 255, begin there, and are so far apart.

Lower ones are the numbers of classes, of which some are missing.
"""


def label_settings(labels: LabelValues, pictures: bool, given: Mapping[int, str]) -> dict[str, Any]:
    """Return the settings ``data.label_names`` and ``data.label_colours`` as far as labels tell them.

    Args:
        labels: the values of all labels.
        pictures: whether the labels are pictures.
        given: names of classes by their values, as the data set says.

    Raises:
        DataError: it is not clear what the colours mean.
    """
    if labels.colours:
        return {"label_names": {"1": "object"}} if labels.number_objects else _of_colours(labels)
    if not labels.classes or labels.number_objects:
        return {}
    found = sorted(labels.classes)
    if found == list(range(1, len(found) + 1)):
        only = "foreground" if len(found) == 1 else None
        return {"label_names": {f"{value:g}": given.get(int(value), only or f"class {value:g}") for value in found}}
    return _of_grey_levels(found) if pictures else {}


def _of_colours(labels: LabelValues) -> dict[str, Any]:
    colours, background = list(labels.colours), {}
    if WHITE in colours and len(colours) > 1 and labels.white > labels.black:
        if labels.black:
            raise DataError(
                f"The labels, as {labels.coloured}, have black, white and other colours, and it is not clear whether "
                "black or white is the background: say which class each colour is, as in "
                """--set data.label_colours='{"#000000": 0, "#ffffff": 1}'."""
            )
        colours.remove(WHITE)
        background = {WHITE: 0}
    if len(colours) > MOST_COLOURS:
        raise DataError(
            f"The labels have {len(colours)} colours, as {labels.coloured}, more than the {MOST_COLOURS} that "
            "are taken for classes: save them as grey PNG with the numbers of the classes."
        )
    if len(colours) == 1 and not background:
        return {"label_names": {"1": "foreground"}}
    classes = dict(zip(colours, range(1, len(colours) + 1), strict=True))
    return {
        "label_colours": background | classes,
        "label_names": {str(value): name_of_colour(colour) for colour, value in classes.items()},
    }


def _of_grey_levels(found: list[float]) -> dict[str, Any]:
    steps = [after - before for before, after in zip(found, found[1:], strict=False)]
    whole = all(value % 1 == 0 and DARKEST <= value <= 255 for value in found)
    if not whole or len(found) > MOST_COLOURS or min(steps, default=0) < APART:
        return {}
    classes = dict(zip(found, range(1, len(found) + 1), strict=True))
    return {
        "label_colours": {grey_colour(grey): value for grey, value in classes.items()},
        "label_names": {str(value): f"grey {grey:g}" for grey, value in classes.items()},
    }


def name_of_colour(colour: str) -> str:
    """Return the English name of a colour of web pages such as ``#ff0000``, otherwise its digits."""
    names = {code: name for name, code in reversed(ImageColor.colormap.items())}
    # A name with the sign # would be taken for a reference in a configuration.
    return str(names.get(colour, f"colour {colour.removeprefix('#')}"))
